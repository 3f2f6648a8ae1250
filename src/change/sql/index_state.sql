-- $1: the index as it is written in the statement, $2: its table, which tells the schema of a new index; NULL: not known. No row: it
-- does not exist.
SELECT i.indisvalid, i.indexrelid::regclass::text, coalesce(i.indrelid = to_regclass($2), false)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE CASE WHEN $2::text IS NULL THEN i.indexrelid = to_regclass($1)
           ELSE c.relname = (SELECT part[array_upper(part, 1)] FROM parse_ident($1) part)
                AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass($2)) END
