-- foreign_keys: names of the foreign keys of table $1 in schema $2 (NULL: the one in which its name is found)
SELECT conname
  FROM pg_catalog.pg_constraint
 WHERE contype = 'f'
   AND conparentid = 0
   AND conrelid = to_regclass(quote_ident(coalesce($2, (SELECT n.nspname
                                                          FROM pg_catalog.pg_class c
                                                          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                                                         WHERE c.relname = $1 AND pg_catalog.pg_table_is_visible(c.oid)
                                                         LIMIT 1)))
                              || '.' || quote_ident($1))
 ORDER BY conname
