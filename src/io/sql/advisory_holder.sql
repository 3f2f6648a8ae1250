-- The session that holds the advisory lock, of a session or of a transaction. $1: its key.
SELECT l.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local'),
       coalesce(date_trunc('second', a.backend_start)::text, '')
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND ((l.classid::bigint << 32) | l.objid::bigint) = $1::bigint
