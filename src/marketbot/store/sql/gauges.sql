-- An unconfirmed order can only belong to a chunk that is still open, so only those are looked through.
SELECT (SELECT count(*) FROM position WHERE protection IN ('naked', 'protecting', 'closing') AND signal_id IS NOT NULL) AS unprotected,
       (SELECT count(*)
        FROM chunk c
        JOIN order_current o ON o.signal_id = c.signal_id AND o.account_id = ANY (c.account_ids)
        WHERE c.done_at IS NULL AND c.attempts > 0 AND o.state = 'unconfirmed') AS unconfirmed,
       (SELECT coalesce(sum(cardinality(account_ids)), 0) FROM chunk WHERE done_at IS NULL AND lane = 0) AS lane_0,
       (SELECT coalesce(sum(cardinality(account_ids)), 0) FROM chunk WHERE done_at IS NULL AND lane = 1) AS lane_1,
       (SELECT coalesce(sum(cardinality(account_ids)), 0) FROM chunk WHERE done_at IS NULL AND lane = 2) AS lane_2
