-- Where the server is now: the snapshot, the log, and whether policies are bypassed; and since when the server runs.
SELECT pg_current_snapshot()::text,
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END)::text,
       (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user),
       pg_postmaster_start_time()::text
