-- Entries that our books say came to nothing: should the account hold such a position all the same, one of them may have made it.
-- By way of the sources' recent signals, of which there are few: no index leads from an account to its orders.
SELECT o.signal_id, o.account_id, o.user_id, o.client_order_id, o.leg, o.attempt, o.trigger_price, o.state, o.last_seq,
       o.venue_order_id, o.filled_qty, o.average_price, i.leverage, i.stop_price, i.target_price, s.received_at
FROM source c
CROSS JOIN LATERAL (SELECT signal_id, received_at FROM signal g
                    WHERE g.source_id = c.source_id AND g.received_at > now() - $4::interval AND g.symbol = $2 OFFSET 0) s
CROSS JOIN LATERAL (SELECT * FROM order_current
                    WHERE signal_id = s.signal_id AND account_id = $1 AND leg = 'entry' AND symbol = $2 AND side = $3 OFFSET 0) o
CROSS JOIN LATERAL (SELECT leverage, stop_price, target_price FROM intent
                    WHERE signal_id = s.signal_id AND account_id = $1 LIMIT 1) i
WHERE coalesce(o.filled_qty, 0) = 0
ORDER BY o.created_at DESC
LIMIT $5
