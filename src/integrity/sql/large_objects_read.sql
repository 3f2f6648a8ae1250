-- Large objects page by page through lo_get(): the same as large_objects.sql, for roles that may read the objects and not the catalogue behind
-- them. Only those that the role may read.
SELECT m.oid, s.size, s.one, s.two
FROM   pg_largeobject_metadata m
CROSS  JOIN LATERAL (
       WITH RECURSIVE p(no, len, h) AS (
           SELECT 0::bigint, length(d), CASE WHEN ltrim(encode(d, 'hex'), '0') <> ''
                  THEN encode(sha256(convert_to('0:' || rtrim(encode(d, 'hex'), '0'), 'UTF8')), 'hex') END
           FROM   lo_get(m.oid, 0, current_setting('block_size')::int / 4) d
           UNION  ALL
           SELECT p.no + 1, length(d), CASE WHEN ltrim(encode(d, 'hex'), '0') <> ''
                  THEN encode(sha256(convert_to((p.no + 1) || ':' || rtrim(encode(d, 'hex'), '0'), 'UTF8')), 'hex') END
           FROM   p CROSS JOIN LATERAL lo_get(m.oid, (p.no + 1) * (current_setting('block_size')::bigint / 4),
                                              current_setting('block_size')::int / 4) d
           WHERE  p.len = current_setting('block_size')::int / 4
       )
       SELECT sum(len) AS size, coalesce(sum(('x' || left(h, 16))::bit(64)::bigint), 0) AS one,
              coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::bigint), 0) AS two
       FROM   p) s
WHERE  current_setting('lo_compat_privileges')::boolean OR pg_has_role(m.lomowner, 'USAGE')
   OR  EXISTS (SELECT 1 FROM aclexplode(m.lomacl) a
               WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))
