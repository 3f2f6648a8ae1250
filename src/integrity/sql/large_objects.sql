-- Large objects from their pages, as only those may who can read pg_largeobject: per object its size and digest. Zeros at the end of a page, and
-- pages of nothing else, may or may not be stored: they do not count. Sums, so that memory does not depend on an object's size.
SELECT m.oid, coalesce(max(p.pageno::bigint * (current_setting('block_size')::bigint / 4) + length(p.data)), 0) AS size,
       coalesce(sum(('x' || left(h.h, 16))::bit(64)::bigint), 0) AS one, coalesce(sum(('x' || substr(h.h, 17, 16))::bit(64)::bigint), 0) AS two
FROM   pg_largeobject_metadata m
LEFT   JOIN pg_largeobject p ON p.loid = m.oid
LEFT   JOIN LATERAL (SELECT encode(sha256(convert_to(p.pageno || ':' || rtrim(encode(p.data, 'hex'), '0'), 'UTF8')), 'hex')
                     WHERE  ltrim(encode(p.data, 'hex'), '0') <> '') h(h) ON true
GROUP  BY m.oid
