-- What has begun and not ended.
SELECT script, done, to_char(started, 'YYYY-MM-DD HH24:MI:SS') FROM {progress} ORDER BY started
