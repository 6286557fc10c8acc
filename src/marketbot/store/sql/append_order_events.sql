INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, venue_order_id, filled_qty,
                         average_price, reason, code, detail, at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::leg[], $4::smallint[], $5::smallint[], $6::bigint[], $7::order_state[],
                     $8::order_state[], $9::text[], $10::numeric[], $11::numeric[], $12::text[], $13::text[], $14::text[],
                     $15::timestamptz[])
ON CONFLICT DO NOTHING
