-- What stands in the history from a rank on, with the transaction that wrote each row. $1: the first rank.
-- xmin has 32 bits; the epoch comes from the current transaction's counter.
SELECT installed_rank, script, checksum, success,
       (now_xid - ((now_xid - xmin::text::bigint) & 4294967295))::text AS xid
FROM {table}, (SELECT txid_snapshot_xmax(txid_current_snapshot()) AS now_xid) counter
WHERE installed_rank >= $1::int
ORDER BY installed_rank
