-- Large objects summed up by buckets of their id: how many, how large, and 128 bits over what they hold.
SELECT o.oid::bigint & 1023, count(*), sum(o.size), sum(('x' || left(h.h, 16))::bit(64)::bigint), sum(('x' || substr(h.h, 17, 16))::bit(64)::bigint)
FROM   ({objects}) o
CROSS  JOIN LATERAL encode(sha256(convert_to(concat_ws(':', o.oid, o.size, o.one, o.two), 'UTF8')), 'hex') h(h)
GROUP  BY 1
ORDER  BY 1
