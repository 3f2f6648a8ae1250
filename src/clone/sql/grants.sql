-- Privileges on a database, as GRANT needs them. $1: its name. An empty grantee is PUBLIC.
SELECT x.privilege_type,
       CASE WHEN x.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(x.grantee) END,
       x.is_grantable
FROM   pg_catalog.pg_database d,
       pg_catalog.aclexplode(d.datacl) x
WHERE  d.datname = $1
  AND  x.grantee <> d.datdba
ORDER  BY 2, 1
