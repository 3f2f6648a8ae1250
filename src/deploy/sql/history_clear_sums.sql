-- The next deploy computes them again.
UPDATE {history} SET MD5SUM = NULL WHERE MD5SUM IS NOT NULL
