-- The leaves of every partitioned table, from its root.
SELECT r.oid, l.oid, n.nspname, l.relname, l.relpages::bigint * current_setting('block_size')::bigint,
       coalesce(pg_relation_filenode(l.oid), 0), l.relkind = 'f', has_table_privilege(l.oid, 'SELECT') AND NOT row_security_active(l.oid),
       l.reltuples::bigint,
       pg_stat_get_tuples_inserted(l.oid), pg_stat_get_tuples_updated(l.oid), pg_stat_get_tuples_deleted(l.oid)
FROM   pg_class r
JOIN   LATERAL pg_partition_tree(r.oid) t ON t.isleaf
JOIN   pg_class l ON l.oid = t.relid AND l.relkind <> 'p'
JOIN   pg_namespace n ON n.oid = l.relnamespace
WHERE  r.relkind = 'p' AND NOT r.relispartition
ORDER  BY r.oid, n.nspname COLLATE "C", l.relname COLLATE "C"
