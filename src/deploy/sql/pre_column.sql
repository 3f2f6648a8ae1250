-- Columns of that name, whatever its case, of a relation of any kind; system columns count. $1: schema, $2: relation, $3: column.
SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE lower(n.nspname) = lower($1) AND lower(c.relname) = lower($2) AND lower(a.attname) = lower($3) AND NOT a.attisdropped
