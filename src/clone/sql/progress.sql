-- Bytes of the database that is just being made: its row cannot be seen before it is done, but its folder can, by a superuser.
SELECT coalesce(sum((pg_catalog.pg_stat_file('base/' || d || '/' || f, true)).size), 0)::bigint,
       pg_catalog.pg_sleep(0.25)
FROM   pg_catalog.pg_ls_dir('base') AS d
       CROSS JOIN LATERAL pg_catalog.pg_ls_dir('base/' || d, true, false) AS f
WHERE  d ~ '^[0-9]+$'
  AND  NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE oid::text = d)
