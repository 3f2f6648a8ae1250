-- Who the server and the session are. The LSN is the replay position on a standby, the insert position elsewhere.
SELECT current_database(),
       d.oid,
       current_setting('server_version'),
       current_user,
       pg_is_in_recovery(),
       current_setting('is_superuser') = 'on',
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END,
       pg_encoding_to_char(d.encoding),
       d.datcollate,
       has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
         AND has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE')
FROM   pg_catalog.pg_database d
WHERE  d.datname = current_database()
