-- The columns of the table that loadData fills, with the names of their types; domains count as what they are made of. $1: the table as
-- SQL names it.
SELECT a.attname, coalesce(b.typname, t.typname)
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
 WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
