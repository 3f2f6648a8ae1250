-- How busy the server is: active sessions that are not of this kind of step; bytes of log that the slowest standby (on a standby: it
-- itself) has yet to replay; whether the role is shown other roles' sessions and standbys.
SELECT (SELECT count(*)
        FROM pg_stat_activity
        WHERE backend_type = 'client backend'
          AND state = 'active'
          AND application_name <> current_setting('application_name')),
       coalesce(CASE
                    WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                    ELSE (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FROM pg_stat_replication)
                END, 0)::bigint,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
       pg_is_in_recovery()
