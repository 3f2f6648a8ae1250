-- One more statement is done. Literals, so that it can be sent in one go with that statement.
UPDATE {progress} SET done = {done}, running = 0, md5sum = {md5sum}, statements = {statements}, updated = now()
WHERE id = {id} AND author = {author} AND filename = {filename}
