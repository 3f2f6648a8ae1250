-- Settings of a database (role empty), and of roles in it. $1: its name.
SELECT coalesce(r.rolname, ''),
       split_part(c, '=', 1),
       substr(c, strpos(c, '=') + 1)
FROM   pg_catalog.pg_db_role_setting s
       JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
       LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
       CROSS JOIN unnest(s.setconfig) AS c
WHERE  d.datname = $1
  AND  (s.setrole = 0 OR r.rolname IS NOT NULL)
ORDER  BY 1, 2
