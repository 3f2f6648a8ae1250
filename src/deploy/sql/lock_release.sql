-- Ours only. $1: who.
UPDATE {lock} SET locked = FALSE, lockedby = NULL, lockgranted = NULL WHERE id = 1 AND locked = TRUE AND lockedby = $1
