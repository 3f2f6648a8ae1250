-- One database: what a copy of it takes over, and what stands in the way. $1: its name.
SELECT d.oid,
       pg_catalog.pg_get_userbyid(d.datdba),
       d.datallowconn,
       d.datconnlimit,
       d.datistemplate,
       pg_catalog.shobj_description(d.oid, 'pg_database'),
       CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') OR pg_catalog.pg_has_role('pg_read_all_stats', 'MEMBER')
            THEN pg_catalog.pg_database_size(d.oid) END,
       d.datacl IS NOT NULL,
       (SELECT pg_catalog.string_agg(p.gid, ', ') FROM pg_catalog.pg_prepared_xacts p WHERE p.database = d.datname),
       t.spcname
FROM   pg_catalog.pg_database d
       JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
WHERE  d.datname = $1
