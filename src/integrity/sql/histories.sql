-- The changelog histories of this database, whichever schema they lie in, and whether the role can read all of each.
SELECT n.nspname, c.relname,
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid)
         AND (SELECT count(*) FROM pg_attribute a
              WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname IN ('id', 'author', 'filename', 'orderexecuted')) = 4
FROM   pg_class c
JOIN   pg_namespace n ON n.oid = c.relnamespace
WHERE  lower(c.relname) = 'databasechangelog' AND c.relkind IN ('r', 'p')
  AND  n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
ORDER  BY 1, 2
