-- The one row of a table that was just made, in a script.
INSERT INTO {lock} (ID, LOCKED) VALUES (1, FALSE)
