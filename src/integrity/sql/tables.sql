-- Every relation that holds or shows rows, with what decides whether and how it can be read.
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition, c.reltuples::bigint,
       c.relpages::bigint * current_setting('block_size')::bigint,
       has_schema_privilege(n.oid, 'USAGE')
         AND (has_table_privilege(c.oid, 'SELECT')
              OR (SELECT coalesce(bool_and(has_column_privilege(c.oid, a.attnum, 'SELECT')), false)
                  FROM   pg_attribute a
                  WHERE  a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)),
       row_security_active(c.oid),
       EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid),
       pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid),
       coalesce(pg_relation_filenode(c.oid), 0), c.relispopulated
FROM   pg_class c
JOIN   pg_namespace n ON n.oid = c.relnamespace
WHERE  c.relkind IN ('r', 'p', 'f', 'm')
  AND  n.nspname <> 'information_schema'
  AND  n.nspname NOT LIKE 'pg\_%'
ORDER  BY n.nspname COLLATE "C", c.relname COLLATE "C"
