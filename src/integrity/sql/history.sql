-- What tells changesets apart, and the order in which they ran.
SELECT filename, id, author, orderexecuted FROM {history} ORDER BY orderexecuted
