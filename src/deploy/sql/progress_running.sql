-- $1 to $3: identity, $4: the statement that is about to run, or 0.
UPDATE {progress} SET running = $4::int, updated = now() WHERE id = $1 AND author = $2 AND filename = $3
