-- Sequences, those of serial and identity columns too; names as they are. $1: schema, $2: name.
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'S'
