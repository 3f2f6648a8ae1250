-- A changeset was rolled back. Literals, so that the statement can be printed and pipelined.
DELETE FROM {history} WHERE ID = {id} AND AUTHOR = {author} AND FILENAME = {filename}{or}
