-- As lock_guard, for many changesets in a row: planned once, and with the settings for the next changeset.
PREPARE dbstep_lock_guard AS SELECT 1 / count(*), {settings}
FROM (SELECT FROM {lock} WHERE id = 1 AND locked AND lockedby = {by} FOR SHARE) held
