-- Rows that were written before the transaction {xid}, and how many are newer.
SELECT count(*) FILTER (WHERE age(dbstep_row.xmin) > age('{xid}'::xid)), '',
       count(*) FILTER (WHERE age(dbstep_row.xmin) <= age('{xid}'::xid))
FROM   ONLY {table} AS dbstep_row
