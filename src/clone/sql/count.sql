-- Rows of one table.
SELECT count(*), '' FROM ONLY {table} AS dbstep_row
