-- Liquibase's row protocol: one row must be changed. $1: who.
UPDATE {lock} SET locked = TRUE, lockedby = $1, lockgranted = NOW() WHERE id = 1 AND locked = FALSE
