-- Who holds the row, and since when.
SELECT locked, coalesce(lockedby, ''), coalesce(date_trunc('second', lockgranted)::text, '') FROM {lock} WHERE id = 1
