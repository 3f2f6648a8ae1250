-- What this deployment recorded, with the transaction that wrote each row. $1: deployment id.
-- xmin has 32 bits; the epoch comes from the current transaction's counter.
SELECT id, author, filename, md5sum, exectype,
       (now_xid - ((now_xid - xmin::text::bigint) & 4294967295))::text AS xid
FROM {history}, (SELECT txid_snapshot_xmax(txid_current_snapshot()) AS now_xid) counter
WHERE deployment_id = $1
ORDER BY orderexecuted
