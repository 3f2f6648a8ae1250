-- The cluster's identity and timeline, from pg_control.
SELECT s.system_identifier, c.timeline_id
FROM   pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c
