-- Indexes: by name, else by their columns. $1: schema, $2: table, NULL: any table; $3: index, or NULL; $4: its columns in order, in lower
-- case with a comma between them; of a column that descends nothing is the name.
SELECT count(*)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = $1 AND (t.relname = $2 OR ($2 IS NULL AND t.relkind IN ('r', 'p')))
  AND CASE WHEN $3::text IS NOT NULL THEN c.relname = $3
           ELSE lower($4) = (SELECT string_agg(CASE WHEN i.indoption[k - 1] & 1 = 1 THEN '' ELSE lower(coalesce(a.attname::text, pg_get_indexdef(i.indexrelid, k, false))) END, ',' ORDER BY k)
                             FROM generate_series(1, i.indnkeyatts) k
                             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1] AND i.indkey[k - 1] <> 0) END
