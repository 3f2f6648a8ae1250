-- Unfinished changesets.
SELECT count(*) FROM {progress}
