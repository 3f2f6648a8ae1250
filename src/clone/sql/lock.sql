-- One run at a time per database that is copied or made. $1: its name. Held by the session.
SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('dbstep volume-clone ' || $1, 0))
