-- For each text of a dateexecuted in $1: is it later than $2? The column has no zone; it is taken to be in the session's.
SELECT coalesce(e::timestamp > $2::timestamptz::timestamp, true)
FROM   unnest($1::text[]) WITH ORDINALITY AS u(e, nth)
ORDER  BY nth
