-- Every order of the signals that opened these positions; of several attempts at a leg the last row is the one in force.
SELECT o.account_id, o.signal_id, o.symbol, o.side, o.leg, o.attempt, o.client_order_id, o.trigger_price, o.state, o.last_seq,
       o.venue_order_id, o.filled_qty, o.average_price
FROM order_current o
WHERE (o.signal_id, o.account_id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
ORDER BY o.account_id, o.signal_id, o.leg, o.attempt
