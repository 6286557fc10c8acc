INSERT INTO orders (signal_id, account_id, leg, attempt, user_id, client_order_id, symbol, side, qty, trigger_price, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING
