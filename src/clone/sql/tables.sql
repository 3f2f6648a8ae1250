-- The tables whose rows are compared. $1: the oldest transaction that was under way when the copy began, NULL when that is not known;
-- "recent" tables were made or altered since. Unlogged tables are empty after a crash recovery, which is how a base backup starts.
SELECT n.nspname,
       c.relname,
       c.relpersistence = 'u' AS unlogged,
       CASE WHEN $1::text IS NULL THEN false ELSE age(c.xmin) <= age($1::text::xid) END AS recent,
       coalesce(s.n_tup_upd + s.n_tup_del, 0) AS removals,
       coalesce(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0) AS writes
FROM   pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
WHERE  c.relkind IN ('r', 'm')
  AND  c.relpersistence <> 't'
  AND  (c.relkind = 'r' OR c.relispopulated)
  AND  n.nspname !~ '^pg_'
  AND  n.nspname <> 'information_schema'
ORDER  BY n.nspname COLLATE "C", c.relname COLLATE "C"
