-- Together with the row in the history.
DELETE FROM {progress} WHERE id = {id} AND author = {author} AND filename = {filename}
