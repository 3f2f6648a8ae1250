-- Paths under which a changeset ran. $1: id, $2: author.
SELECT DISTINCT filename FROM {history} WHERE lower(id) = lower($1) AND lower(author) = lower($2)
