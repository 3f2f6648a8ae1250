-- Columns with the built-in type below every domain ('' when that is not one of PostgreSQL's own base types) and its modifier.
WITH RECURSIVE d(oid, base, typmod) AS (
    SELECT oid, typbasetype, typtypmod FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT d.oid, p.typbasetype, CASE WHEN d.typmod <> -1 THEN d.typmod ELSE p.typtypmod END
    FROM   d JOIN pg_type p ON p.oid = d.base
    WHERE  p.typtype = 'd'
), bottom AS (
    SELECT d.* FROM d JOIN pg_type p ON p.oid = d.base AND p.typtype <> 'd'
)
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN b.oid < 16384 AND b.typtype = 'b' THEN b.typname ELSE '' END,
       CASE WHEN a.atttypmod <> -1 THEN a.atttypmod ELSE coalesce(bottom.typmod, -1) END,
       a.attnotnull, a.attgenerated, a.attidentity
FROM   pg_attribute a
JOIN   pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm')
JOIN   pg_namespace n ON n.oid = c.relnamespace
LEFT   JOIN bottom ON bottom.oid = a.atttypid
JOIN   pg_type b ON b.oid = coalesce(bottom.base, a.atttypid)
WHERE  a.attnum > 0 AND NOT a.attisdropped
  AND  n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
ORDER  BY a.attrelid, a.attnum
