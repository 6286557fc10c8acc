SELECT account_id, side, leg, attempt, client_order_id, trigger_price, state, last_seq, venue_order_id, filled_qty, average_price, changed_at
FROM order_current
WHERE signal_id = $1 AND account_id = ANY ($2::bigint[])
ORDER BY account_id, leg, attempt
