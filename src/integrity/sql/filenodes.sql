-- The relation files behind tables as they are now, not as the snapshot saw them: a rewrite or TRUNCATE after the snapshot leaves a
-- table that older snapshots see as empty.
SELECT coalesce(pg_relation_filenode(o::oid), 0) FROM unnest($1::text[]) WITH ORDINALITY u(o, at) ORDER BY at
