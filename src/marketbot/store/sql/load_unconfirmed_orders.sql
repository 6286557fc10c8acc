-- One account's orders in doubt whose chunk is done, and the signal of what is held on the order's side now: 0 where a person opened it.
SELECT u.account_id, u.signal_id, u.user_id, u.leg, u.attempt, o.symbol, o.side, a.venue, a.environment,
       coalesce(i.qty, 0) AS qty, i.leverage, i.stop_price, i.target_price, s.received_at,
       (SELECT coalesce(p.signal_id, 0) FROM position p WHERE p.account_id = u.account_id AND p.symbol = o.symbol AND p.side = o.side
        AND p.protection <> 'closed') AS held_by
FROM unconfirmed_order u
CROSS JOIN LATERAL (SELECT symbol, side FROM orders WHERE signal_id = u.signal_id AND account_id = u.account_id AND leg = u.leg
                    AND attempt = u.attempt LIMIT 1) o
CROSS JOIN LATERAL (SELECT venue, environment FROM account WHERE account_id = u.account_id LIMIT 1) a
CROSS JOIN LATERAL (SELECT qty, leverage, stop_price, target_price FROM intent WHERE signal_id = u.signal_id
                    AND account_id = u.account_id LIMIT 1) i
CROSS JOIN LATERAL (SELECT received_at FROM signal WHERE signal_id = u.signal_id LIMIT 1) s
WHERE u.account_id = $1 AND u.since < clock_timestamp() - $2::interval
  AND NOT EXISTS (SELECT 1 FROM chunk c WHERE c.signal_id = u.signal_id AND c.done_at IS NULL AND u.account_id = ANY (c.account_ids))
ORDER BY u.since
LIMIT $3
