-- The whole history, oldest first, and in the same round trip who holds the row of the lock.
SELECT h.*, l.lockedby AS row_locked_by FROM {history} h LEFT JOIN {lock} l ON l.id = 1 AND l.locked
ORDER BY h.dateexecuted ASC, h.orderexecuted ASC
