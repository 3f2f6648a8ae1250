-- $1 to $3: identity, $4: number of statements, $5: deployment id.
INSERT INTO {progress} (id, author, filename, md5sum, done, statements, deployment_id) VALUES ($1, $2, $3, '', 0, $4::int, $5)
