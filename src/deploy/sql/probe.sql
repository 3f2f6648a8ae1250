-- Everything a run must know before it reads the history, in one round trip.
-- $1: schema of the history tables, NULL for the default one; $2: default schema, NULL for the session's; $3 to $5: the names of history, lock, notes.
WITH place AS (
    SELECT coalesce($2::text, current_schema()) AS default_schema,
           coalesce($1::text, $2::text, current_schema()) AS history_schema
), tables AS (
    SELECT c.relname, c.oid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, place
    WHERE n.nspname = place.history_schema AND c.relname IN ($3::text, $4::text, $5::text) AND c.relkind IN ('r', 'p', 'v', 'f')
)
SELECT place.default_schema, place.history_schema, current_setting('search_path'),
       EXISTS (SELECT FROM tables WHERE relname = $3) AS history_exists,
       EXISTS (SELECT FROM tables WHERE relname = $4) AS lock_exists,
       (SELECT string_agg(lower(a.attname) || ':' || a.atttypmod, ' ')
        FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid
        WHERE t.relname = $3 AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       coalesce(host(inet_client_addr()), 'local') AS client,
       EXISTS (SELECT FROM pg_namespace WHERE nspname = place.history_schema) AS schema_exists,
       EXISTS (SELECT FROM tables WHERE relname = $5) AS progress_exists
FROM place
