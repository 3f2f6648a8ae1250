-- One row; installed_on is the transaction's start.
INSERT INTO {table} ("installed_rank", "version", "description", "type", "script", "checksum", "installed_by", "execution_time", "success")
VALUES ({rank}, {version}, {description}, {type}, {script}, {checksum}, {by}, {ms}, {success})
