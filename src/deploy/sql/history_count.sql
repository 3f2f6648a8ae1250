-- Rows of one changeset, exactly as stored. $1 to $3: identity.
SELECT count(*) FROM {history} WHERE id = $1 AND author = $2 AND filename = $3
