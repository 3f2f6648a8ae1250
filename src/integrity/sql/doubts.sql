-- What nothing vouches for and rows can be counted of: orphans of foreign keys, duplicates behind unique indexes that are not valid, rows
-- against check and not-null constraints that were never validated. Last column: what counts them, from FROM on; NULL: that cannot be said in SQL.
-- $1: relations to leave out.
SELECT 'orphans', coalesce(pg_partition_root(k.conrelid), k.conrelid)::oid, k.conname,
       k.convalidated AND NOT EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgenabled IN ('D', 'R')),
       CASE WHEN coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false) THEN NULL ELSE
            format('FROM %s%s c WHERE (%s) AND NOT EXISTS (SELECT 1 FROM %s%s p WHERE %s)',
                   CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY ' END, k.conrelid::regclass, e.there,
                   CASE WHEN p.relkind = 'p' THEN '' ELSE 'ONLY ' END, k.confrelid::regclass, e.same) END
FROM   pg_constraint k
JOIN   pg_class c ON c.oid = k.conrelid
JOIN   pg_class p ON p.oid = k.confrelid
JOIN   pg_namespace n ON n.oid = c.relnamespace
CROSS  JOIN LATERAL (
       SELECT string_agg(format('c.%I IS NOT NULL', ca.attname), CASE WHEN k.confmatchtype = 'f' THEN ' OR ' ELSE ' AND ' END) AS there,
              string_agg(format('p.%I%s OPERATOR(%I.%s) c.%I', pa.attname, CASE WHEN l.oid IS NULL THEN '' ELSE format(' COLLATE %I.%I', ln.nspname, l.collname) END, o.nspname,
                                o.oprname, ca.attname), ' AND ') AS same
       FROM   unnest(k.conkey, k.confkey, k.conpfeqop) u(child, parent, op)
       JOIN   pg_attribute ca ON ca.attrelid = k.conrelid AND ca.attnum = u.child
       JOIN   pg_attribute pa ON pa.attrelid = k.confrelid AND pa.attnum = u.parent
       JOIN   (SELECT q.oid, q.oprname, qn.nspname FROM pg_operator q JOIN pg_namespace qn ON qn.oid = q.oprnamespace) o ON o.oid = u.op
       LEFT   JOIN pg_collation l ON l.oid = pa.attcollation
       LEFT   JOIN pg_namespace ln ON ln.oid = l.collnamespace) e
WHERE  k.contype = 'f' AND k.conparentid = 0 AND k.conrelid <> ALL ($1::oid[]) AND k.confrelid <> ALL ($1::oid[]) AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT 'duplicates', coalesce(pg_partition_root(x.indrelid), x.indrelid)::oid, i.relname, false,
       format('FROM (SELECT 1 FROM %s%s WHERE %s AND %s GROUP BY %s HAVING count(*) > 1) d',
              CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY ' END, x.indrelid::regclass,
              CASE WHEN x.indpred IS NULL THEN 'true' ELSE format('(%s)', pg_get_expr(x.indpred, x.indrelid)) END,
              CASE WHEN coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false) THEN 'true' ELSE e.there END, e.columns)
FROM   pg_index x
JOIN   pg_class i ON i.oid = x.indexrelid
JOIN   pg_class c ON c.oid = x.indrelid
JOIN   pg_namespace n ON n.oid = c.relnamespace
CROSS  JOIN LATERAL (
       SELECT string_agg(format('%s IS NOT NULL', pg_get_indexdef(x.indexrelid, g.at, false)), ' AND ') AS there,
              string_agg(pg_get_indexdef(x.indexrelid, g.at, false) || CASE WHEN l.oid IS NULL THEN '' ELSE format(' COLLATE %I.%I', ln.nspname, l.collname) END, ', ') AS columns
       FROM   generate_series(1, x.indnkeyatts) g(at)
       LEFT   JOIN pg_collation l ON l.oid = x.indcollation[g.at - 1]
       LEFT   JOIN pg_namespace ln ON ln.oid = l.collnamespace) e
WHERE  x.indisunique AND NOT x.indisvalid AND c.relkind IN ('r', 'p') AND c.oid <> ALL ($1::oid[])
  AND  n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT 'violations', k.conrelid, k.conname, false,
       format('FROM %s%s WHERE %s', CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY ' END, k.conrelid::regclass,
              CASE k.contype WHEN 'n' THEN (SELECT format('%I IS NULL', a.attname) FROM pg_attribute a
                                            WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1])
                             ELSE format('NOT (%s)', pg_get_expr(k.conbin, k.conrelid)) END)
FROM   pg_constraint k
JOIN   pg_class c ON c.oid = k.conrelid AND NOT c.relispartition AND c.relkind IN ('r', 'p')
JOIN   pg_namespace n ON n.oid = c.relnamespace
WHERE  k.contype IN ('c', 'n') AND NOT k.convalidated AND c.oid <> ALL ($1::oid[]) AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
ORDER  BY 1, 2, 3
