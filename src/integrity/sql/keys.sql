-- For each table the columns of its best key: primary, else a unique index over NOT NULL columns that is valid and covers every row; one
-- integer column before others, few columns before many. A deferrable constraint counts only when it is the primary key: what a snapshot
-- shows is committed, and was checked at commit.
SELECT k.indrelid, i.relname, a.attname
FROM  (SELECT DISTINCT ON (x.indrelid) x.*
       FROM   pg_index x
       WHERE  x.indisunique AND x.indisvalid AND x.indisready AND x.indislive
         AND  (x.indimmediate OR x.indisprimary)
         AND  x.indpred IS NULL AND x.indexprs IS NULL
         AND  NOT EXISTS (SELECT 1 FROM pg_attribute n
                          WHERE  n.attrelid = x.indrelid AND NOT n.attnotnull
                            AND  n.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1]))
       ORDER  BY x.indrelid, x.indisprimary DESC,
                 x.indnkeyatts = 1 AND (SELECT c.atttypid IN (20, 21, 23) FROM pg_attribute c
                                        WHERE  c.attrelid = x.indrelid AND c.attnum = x.indkey[0]) DESC,
                 x.indnkeyatts, x.indexrelid) k
JOIN   pg_class i ON i.oid = k.indexrelid
JOIN   pg_class c ON c.oid = k.indrelid AND c.relkind IN ('r', 'p')
JOIN   pg_namespace n ON n.oid = c.relnamespace
JOIN   LATERAL generate_series(0, k.indnkeyatts - 1) pos(at) ON true
JOIN   pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = k.indkey[pos.at]
WHERE  n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
ORDER  BY k.indrelid, pos.at
