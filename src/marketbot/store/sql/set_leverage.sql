INSERT INTO leverage_setting (account_id, user_id, symbol, leverage) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, symbol) DO UPDATE SET leverage = excluded.leverage, set_at = now()
