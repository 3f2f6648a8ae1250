-- $1 to $3: identity, $4: statements that are done.
UPDATE {progress} SET done = $4::int, updated = now() WHERE id = $1 AND author = $2 AND filename = $3
