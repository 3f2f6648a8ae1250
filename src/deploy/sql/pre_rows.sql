-- Rows of a table.
SELECT count(*) FROM {table}
