-- Everything a run must know before it reads the history, in one round trip. Look-ups by name rather than queries of the catalogue: a
-- fresh session would spend more time on planning those than a deploy with nothing to do takes.
-- $1: schema of the history tables, NULL for the default one; $2: default schema, NULL for the session's; $3 to $5: the names of history, lock, notes.
SELECT place.work, place.tables, current_setting('search_path'),
       to_regclass(format('%I.%I', place.tables, $3::text)) IS NOT NULL AS history_exists,
       to_regclass(format('%I.%I', place.tables, $4::text)) IS NOT NULL AS lock_exists,
       to_regclass(format('%I.%I', place.tables, $5::text)) IS NOT NULL AS progress_exists,
       to_regnamespace(quote_ident(place.tables)) IS NOT NULL AS schema_exists,
       coalesce(host(inet_client_addr()), 'local') AS client,
       format('%I.%I', place.tables, $3::text) AS history, format('%I.%I', place.tables, $4::text) AS lock,
       format('%I.%I', place.tables, $5::text) AS progress, quote_ident($4::text || '_pkey') AS lock_pkey,
       quote_ident(place.work) AS work_quoted
FROM (SELECT coalesce($2::text, current_schema()::text) AS work, coalesce($1::text, $2::text, current_schema()::text, '') AS tables) place
