-- The whole history, oldest first.
SELECT * FROM {history} ORDER BY dateexecuted ASC, orderexecuted ASC
