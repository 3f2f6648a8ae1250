-- The whole history in the order in which it was written.
SELECT installed_rank, version, description, type, script, checksum, installed_by,
       to_char(installed_on, 'YYYY-MM-DD HH24:MI:SS'), execution_time, success
FROM {table}
ORDER BY installed_rank
