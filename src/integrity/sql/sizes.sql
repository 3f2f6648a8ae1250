-- The heaps' sizes as they are. Takes a lock on each relation, so it fails where another session holds one exclusively.
SELECT o, pg_relation_size(o::oid) FROM unnest($1::text[]) o
