-- $1: the index as it is written in the statement. No row: it does not exist.
SELECT i.indisvalid FROM pg_index i WHERE i.indexrelid = to_regclass($1)
