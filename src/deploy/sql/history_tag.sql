-- The tag goes to the newest row; $1: the tag.
UPDATE {history} t SET tag = $1
FROM (SELECT dateexecuted, orderexecuted FROM {history} ORDER BY dateexecuted DESC, orderexecuted DESC LIMIT 1) sub
WHERE t.dateexecuted = sub.dateexecuted AND t.orderexecuted = sub.orderexecuted
