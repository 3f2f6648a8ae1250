-- The same changeset under the current checksum version.
UPDATE {history} SET MD5SUM = {md5sum} WHERE ID = {id} AND AUTHOR = {author} AND FILENAME = {filename}
