-- Constraints of those kinds. $1: schema of the table, $2: table, NULL: any; $3: name, whatever its case, or NULL; $4: kinds (pg_constraint.contype).
SELECT count(*)
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = $1 AND ($2::text IS NULL OR t.relname = $2) AND ($3::text IS NULL OR lower(k.conname) = lower($3))
  AND k.contype = ANY (string_to_array($4, ',')::"char"[])
