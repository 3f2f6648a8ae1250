-- Did this run write that row? $1: its rank, $2: its script.
SELECT count(*) FROM {table} WHERE installed_rank = $1::int AND script = $2 AND success
