-- As digest, over rows written before the transaction {xid}; and how many are newer.
SELECT count(*) FILTER (WHERE age(dbstep_row.xmin) > age('{xid}'::xid)),
       coalesce(sum(pg_catalog.hashtextextended(ROW(dbstep_row.*)::text, 0)::numeric) FILTER (WHERE age(dbstep_row.xmin) > age('{xid}'::xid)), 0)::text,
       count(*) FILTER (WHERE age(dbstep_row.xmin) <= age('{xid}'::xid))
FROM   ONLY {table} AS dbstep_row
