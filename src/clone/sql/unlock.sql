-- Give that lock back. $1: the database's name.
SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('dbstep volume-clone ' || $1, 0))
