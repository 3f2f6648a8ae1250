-- As pre_rows, without counting further than the first row.
SELECT count(*) FROM (SELECT FROM {table} LIMIT 1) one
