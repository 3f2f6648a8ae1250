-- Columns with the built-in type below every domain ('' when that is not one of PostgreSQL's own base types) and its modifier.
WITH RECURSIVE t(oid, base, typmod) AS (
    SELECT oid, oid, -1 FROM pg_type WHERE typtype <> 'd'
    UNION ALL
    SELECT p.oid, t.base, CASE WHEN p.typtypmod <> -1 THEN p.typtypmod ELSE t.typmod END
    FROM   pg_type p JOIN t ON p.typbasetype = t.oid
    WHERE  p.typtype = 'd'
)
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN b.oid < 16384 AND b.typtype = 'b' THEN b.typname ELSE '' END,
       CASE WHEN a.atttypmod <> -1 THEN a.atttypmod ELSE t.typmod END,
       a.attnotnull, a.attgenerated, a.attidentity
FROM   pg_attribute a
JOIN   pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
JOIN   pg_namespace n ON n.oid = c.relnamespace
JOIN   t ON t.oid = a.atttypid
JOIN   pg_type b ON b.oid = t.base
WHERE  a.attnum > 0 AND NOT a.attisdropped
  AND  n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
ORDER  BY a.attrelid, a.attnum
