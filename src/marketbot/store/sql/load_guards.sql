-- The protective orders of the positions that a close is about to end, with the signal that opened each; and how much is held, where
-- the books are settled.
SELECT p.account_id, p.side, p.signal_id AS opening_signal_id,
       CASE WHEN p.protection = 'protected' THEN p.qty END AS held_qty, p.entry_price, p.stop_price, p.target_price,
       o.leg, o.attempt, o.client_order_id, o.trigger_price, o.state, o.last_seq, o.venue_order_id, o.filled_qty, o.average_price
FROM position p
JOIN order_current o ON o.signal_id = p.signal_id AND o.account_id = p.account_id AND o.leg IN ('entry', 'stop_loss', 'take_profit')
WHERE p.account_id = ANY ($1::bigint[]) AND p.symbol = $2 AND p.protection <> 'closed'
ORDER BY p.account_id, o.leg, o.attempt
