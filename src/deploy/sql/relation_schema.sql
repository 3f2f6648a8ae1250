-- The schema in which a changeset finds a relation that it names without one: $1 the relation, $2 the default schema.
SELECT n.nspname
FROM   unnest(array_prepend($2::text, current_schemas(false)::text[])) WITH ORDINALITY AS p(schema, nth)
JOIN   pg_namespace n ON n.nspname = p.schema
JOIN   pg_class c ON c.relnamespace = n.oid AND c.relname = $1
ORDER  BY p.nth
LIMIT  1
