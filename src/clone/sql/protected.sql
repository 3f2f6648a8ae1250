-- Sessions on a database that this role may not end, "" when there is none. $1: its name.
SELECT pg_catalog.string_agg('pid ' || a.pid || ' of ' || r.rolname, ', ' ORDER BY a.pid)
FROM   pg_catalog.pg_stat_activity a
       JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
       JOIN pg_catalog.pg_roles me ON me.rolname = current_user
WHERE  a.datname = $1
  AND  NOT me.rolsuper
  AND  (r.rolsuper OR NOT (pg_catalog.pg_has_role(r.oid, 'MEMBER') OR pg_catalog.pg_has_role('pg_signal_backend', 'MEMBER')))
