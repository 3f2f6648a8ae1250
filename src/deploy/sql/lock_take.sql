-- Liquibase's row protocol: one row must be changed. $1: who.
UPDATE {lock} SET LOCKED = TRUE, LOCKEDBY = $1, LOCKGRANTED = NOW() WHERE ID = 1 AND LOCKED = FALSE
