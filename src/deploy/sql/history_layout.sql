-- The columns of the history are in the description of this result.
SELECT * FROM {history} LIMIT 0
