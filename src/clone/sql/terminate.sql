-- End every session on a database. $1: its name.
SELECT count(pg_catalog.pg_terminate_backend(a.pid))
FROM   pg_catalog.pg_stat_activity a
WHERE  a.datname = $1
  AND  a.backend_type IS DISTINCT FROM 'autovacuum worker'
  AND  a.backend_type IS DISTINCT FROM 'parallel worker'
