-- Sessions on a database that keep it from being copied. $1: its name. Autovacuum (which has no user) gives way by itself, parallel workers end
-- with their leader. What the role may not see of others is NULL, the kind of a session included.
SELECT a.pid,
       coalesce(a.usename, '?'),
       coalesce(nullif(a.application_name, ''), a.backend_type, '?'),
       coalesce(a.client_addr::text, 'local'),
       to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       a.state
FROM   pg_catalog.pg_stat_activity a
WHERE  a.datname = $1
  AND  a.usesysid IS NOT NULL
  AND  a.backend_type IS DISTINCT FROM 'parallel worker'
ORDER  BY a.backend_start NULLS LAST, a.pid
