-- Rows that were written before the transaction {xid}, and how many are newer. Rows frozen two
-- thousand million transactions ago seem to come from the future.
SELECT count(*) FILTER (WHERE age(dbstep_row.xmin) > age('{xid}'::xid) OR age(dbstep_row.xmin) < 0), '',
       count(*) FILTER (WHERE age(dbstep_row.xmin) BETWEEN 0 AND age('{xid}'::xid))
FROM   ONLY {table} AS dbstep_row
