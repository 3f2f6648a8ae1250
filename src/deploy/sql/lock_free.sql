-- In a script, whoever holds it.
UPDATE {lock} SET LOCKED = FALSE, LOCKEDBY = NULL, LOCKGRANTED = NULL WHERE ID = 1
