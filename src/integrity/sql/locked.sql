-- Relations that other sessions hold exclusively, or wait to, with their partitions' roots.
SELECT DISTINCT o.oid
FROM   pg_locks l
CROSS  JOIN LATERAL (VALUES (l.relation), (pg_partition_root(l.relation)::oid)) o(oid)
WHERE  l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
  AND  l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND o.oid IS NOT NULL
