-- The second at which the server was started.
SELECT floor(extract(epoch FROM pg_catalog.pg_postmaster_start_time()))::bigint
