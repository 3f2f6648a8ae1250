-- A row that is locked without saying by whom.
UPDATE {lock} SET locked = FALSE, lockgranted = NULL WHERE id = 1 AND locked = TRUE AND coalesce(lockedby, '') = ''
