-- $1: schema, $2: name, $3: kinds (of pg_class.relkind)
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND (c.relname = $2 OR c.relname = lower($2)) AND c.relkind = ANY (string_to_array($3, ',')::"char"[])
