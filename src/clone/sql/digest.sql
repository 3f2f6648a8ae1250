-- Rows of one table, and the sum of their 64-bit hashes: rows in any order give the same sum.
SELECT count(*), coalesce(sum(pg_catalog.hashtextextended(ROW(dbstep_row.*)::text, 0)::numeric), 0)::text
FROM   ONLY {table} AS dbstep_row
