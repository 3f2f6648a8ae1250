-- Which of these transactions the snapshot does not see as ended.
SELECT x FROM unnest($1::text[]) x WHERE NOT pg_visible_in_snapshot(x::xid8, pg_current_snapshot())
