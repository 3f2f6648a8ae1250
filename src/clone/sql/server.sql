-- Which server process and which database this is: two connections with the same answer lead to the same place.
SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text,
       (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
