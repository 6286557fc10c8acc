-- Entries that our books say came to nothing: should the account hold such a position all the same, one of them may have made it.
SELECT o.signal_id, o.account_id, o.user_id, o.client_order_id, o.leg, o.attempt, o.trigger_price, o.state, o.last_seq,
       o.venue_order_id, o.filled_qty, o.average_price, i.leverage, i.stop_price, i.target_price, s.received_at
FROM order_current o
JOIN intent i USING (signal_id, account_id)
JOIN signal s USING (signal_id)
WHERE o.account_id = $1 AND o.symbol = $2 AND o.side = $3 AND o.leg = 'entry' AND o.created_at > now() - $4::interval
  AND coalesce(o.filled_qty, 0) = 0
ORDER BY o.created_at DESC
LIMIT $5
