-- What an earlier attempt left. $1 to $3: identity.
SELECT md5sum, done, running, date_trunc('second', updated)::text FROM {progress} WHERE id = $1 AND author = $2 AND filename = $3
