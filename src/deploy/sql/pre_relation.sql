-- Tables or views of that name, whatever its case. $1: schema, $2: name, $3: kinds (of pg_class.relkind). Liquibase lists no tables of the system.
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND lower(c.relname) = lower($2) AND c.relkind = ANY (string_to_array($3, ',')::"char"[])
  AND (c.relkind = 'v' OR n.nspname NOT IN ('pg_catalog', 'information_schema'))
