-- Sequences, how they count, and each column that takes its numbers from them: by ownership first, else by its default.
WITH u AS (
    SELECT x.sequence, coalesce(pg_partition_root(x.relid), x.relid)::oid AS root, a.attname, min(x.rank) AS rank
    FROM  (SELECT d.objid AS sequence, d.refobjid AS relid, d.refobjsubid AS attnum, 0 AS rank
           FROM   pg_depend d
           WHERE  d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
             AND  d.objid IN (SELECT seqrelid FROM pg_sequence)
           UNION  ALL
           SELECT d.refobjid, f.adrelid, f.adnum, 1
           FROM   pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
           WHERE  d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
             AND  d.refobjid IN (SELECT seqrelid FROM pg_sequence)) x
    JOIN   pg_attribute a ON a.attrelid = x.relid AND a.attnum = x.attnum
    GROUP  BY 1, 2, 3
)
SELECT format('%s.%s', n.nspname, c.relname), n.nspname, c.relname,
       format('increment %s%s', s.seqincrement, CASE WHEN s.seqcycle THEN ' cycle' ELSE '' END),
       has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT'), u.root, u.attname
FROM   pg_sequence s
JOIN   pg_class c ON c.oid = s.seqrelid
JOIN   pg_namespace n ON n.oid = c.relnamespace
LEFT   JOIN u ON u.sequence = c.oid
WHERE  n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
ORDER  BY 1, u.rank, u.root, u.attname
