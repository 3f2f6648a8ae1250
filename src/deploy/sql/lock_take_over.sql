-- A row that a dead run of ours left behind; exactly the row that was seen. $1: who, $2: who left it.
UPDATE {lock} SET locked = TRUE, lockedby = $1, lockgranted = NOW() WHERE id = 1 AND locked = TRUE AND lockedby = $2
