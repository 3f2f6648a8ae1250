-- As digest, over rows written before the transaction {xid}; and how many are newer.
SELECT count(*) FILTER (WHERE age(dbstep_row.xmin) > age('{xid}'::xid) OR age(dbstep_row.xmin) < 0),
       coalesce(sum(pg_catalog.hashtextextended(ROW(dbstep_row.*)::text, 0)::numeric) FILTER (WHERE age(dbstep_row.xmin) > age('{xid}'::xid) OR age(dbstep_row.xmin) < 0), 0)::text,
       count(*) FILTER (WHERE age(dbstep_row.xmin) BETWEEN 0 AND age('{xid}'::xid))
FROM   ONLY {table} AS dbstep_row
