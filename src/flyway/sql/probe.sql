-- Everything a run must know before it reads the history, in one round trip.
-- $1: default schema, NULL for the session's; $2: the history's name; $3: that of the notes.
WITH place AS (SELECT coalesce($1::text, current_schema()) AS schema),
     tables AS (
    SELECT c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, place
    WHERE n.nspname = place.schema AND c.relname IN ($2::text, $3::text) AND c.relkind IN ('r', 'p', 'v', 'f')
)
SELECT place.schema, current_setting('search_path'), current_user, current_database(),
       EXISTS (SELECT FROM pg_namespace WHERE nspname = place.schema),
       EXISTS (SELECT FROM tables WHERE relname = $2),
       EXISTS (SELECT FROM tables WHERE relname = $3)
FROM place
