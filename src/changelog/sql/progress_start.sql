-- $1 to $3: identity, $4: checksum, $5: number of statements, $6: deployment id.
INSERT INTO {progress} (id, author, filename, md5sum, done, statements, deployment_id) VALUES ($1, $2, $3, $4, 0, $5::int, $6)
ON CONFLICT (id, author, filename) DO UPDATE
SET md5sum = excluded.md5sum, done = 0, statements = excluded.statements, started = now(), updated = now(), deployment_id = excluded.deployment_id
