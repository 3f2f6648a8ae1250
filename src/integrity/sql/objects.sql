-- What guards the data: sequences with their last value, constraints, indexes that are not usable, triggers that are off. has_table_privilege
-- knows what is there now, and is NULL for what a session has dropped since our snapshot: its definition could not be written any more.
SELECT 'sequence', '', format('%s.%s', schemaname, sequencename), '', '', last_value
FROM   pg_sequences
WHERE  has_schema_privilege(schemaname, 'USAGE')
  AND  has_sequence_privilege(format('%I.%I', schemaname, sequencename), 'SELECT, USAGE')
  AND  schemaname <> 'information_schema' AND schemaname NOT LIKE 'pg\_%'
UNION ALL
SELECT 'constraint', format('%s.%s', n.nspname, c.relname), k.conname, pg_get_constraintdef(k.oid),
       CASE WHEN k.convalidated THEN '' ELSE 'not valid' END, NULL
FROM   pg_constraint k
JOIN   pg_class c ON c.oid = k.conrelid AND NOT c.relispartition
JOIN   pg_namespace n ON n.oid = c.relnamespace
WHERE  n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' AND k.contype IN ('c', 'f', 'p', 'u', 'x')
  AND  has_table_privilege(k.conrelid, 'SELECT') IS NOT NULL AND (k.conindid = 0 OR has_table_privilege(k.conindid, 'SELECT') IS NOT NULL)
  AND  (k.confrelid = 0 OR has_table_privilege(k.confrelid, 'SELECT') IS NOT NULL)
UNION ALL
SELECT 'index', format('%s.%s', n.nspname, c.relname), i.relname, '', 'invalid', NULL
FROM   pg_index x
JOIN   pg_class i ON i.oid = x.indexrelid
JOIN   pg_class c ON c.oid = x.indrelid
JOIN   pg_namespace n ON n.oid = c.relnamespace
WHERE  NOT x.indisvalid AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
UNION ALL
SELECT 'trigger', format('%s.%s', n.nspname, c.relname), t.tgname, '', 'disabled', NULL
FROM   pg_trigger t
JOIN   pg_class c ON c.oid = t.tgrelid
JOIN   pg_namespace n ON n.oid = c.relnamespace
WHERE  t.tgenabled = 'D' AND NOT t.tgisinternal AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
ORDER  BY 1, 2, 3
