-- Who else holds that lock: pid, application, since. $1: the database's name. Advisory locks of sessions on different databases do not
-- exclude one another, but can be seen.
SELECT a.pid, a.application_name, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM   pg_catalog.pg_locks l
       JOIN pg_catalog.pg_stat_activity a USING (pid)
       CROSS JOIN (SELECT pg_catalog.hashtextextended('dbstep volume-clone ' || $1, 0) AS k) AS key
WHERE  l.locktype = 'advisory'
  AND  l.granted
  AND  l.pid <> pg_catalog.pg_backend_pid()
  AND  l.objsubid = 1
  AND  l.classid::bigint = (key.k >> 32) & 4294967295
  AND  l.objid::bigint = key.k & 4294967295
