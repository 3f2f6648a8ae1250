-- Does the schema hold anything that Flyway counts: relations, types, functions, but for what belongs to extensions? $1: its name.
WITH schema AS (SELECT oid FROM pg_namespace WHERE nspname = $1),
     things AS (
    SELECT c.oid FROM pg_class c, schema WHERE c.relnamespace = schema.oid AND c.relkind IN ('r', 'v', 'S', 't')
    UNION ALL
    SELECT t.oid FROM pg_type t, schema WHERE t.typnamespace = schema.oid AND t.typcategory NOT IN ('A', 'C')
    UNION ALL
    SELECT p.oid FROM pg_proc p, schema WHERE p.pronamespace = schema.oid
)
SELECT EXISTS (SELECT FROM things WHERE NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.objid = things.oid AND d.deptype = 'e'))
