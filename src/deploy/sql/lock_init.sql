-- The one row of the lock table, when it is missing.
INSERT INTO {lock} (id, locked) SELECT 1, FALSE WHERE NOT EXISTS (SELECT FROM {lock} WHERE id = 1)
