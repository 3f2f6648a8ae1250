-- Unique constraints: by name, primary keys among them, else by their columns; then Liquibase sees a primary key only where it is over the
-- whole table. $1: schema, $2: table, $3: name, or NULL; $4: its
-- columns in order, in lower case with a comma between them, or NULL.
SELECT count(*)
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = $1 AND t.relname = $2 AND (k.contype = 'u' OR (k.contype = 'p' AND ($3::text IS NOT NULL OR cardinality(k.conkey) = (
      SELECT count(*) FROM pg_attribute WHERE attrelid = k.conrelid AND attnum > 0 AND NOT attisdropped))))
  AND CASE WHEN $3::text IS NOT NULL THEN k.conname = $3
           WHEN $4::text IS NULL THEN true
           ELSE lower($4) = (SELECT string_agg(lower(a.attname), ',' ORDER BY u.nth)
                             FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, nth)
                             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum) END
