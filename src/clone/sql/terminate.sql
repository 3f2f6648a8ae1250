-- End every session on a database that is just being copied. $1: its name. CREATE DATABASE takes this lock on its template once it knows that it
-- may copy it; then it waits some seconds for the sessions to go, while new ones wait for the lock. Without that lock nobody is ended:
-- a copy that is refused must not cost a session.
SELECT count(pg_catalog.pg_terminate_backend(a.pid)), pg_catalog.pg_sleep(0.05)
FROM   pg_catalog.pg_stat_activity a
WHERE  a.datname = $1
  AND  a.usesysid IS NOT NULL
  AND  a.backend_type IS DISTINCT FROM 'parallel worker'
  AND  EXISTS (SELECT
               FROM   pg_catalog.pg_locks l
               WHERE  l.locktype = 'object'
                 AND  l.classid = 'pg_catalog.pg_database'::regclass
                 AND  l.objid = a.datid
                 AND  l.mode = 'ShareLock'
                 AND  l.granted)
