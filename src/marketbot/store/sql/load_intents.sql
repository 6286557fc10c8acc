SELECT i.account_id, i.user_id, i.side, i.qty, i.leverage, i.stop_price, i.target_price, s.symbol, s.received_at,
       a.status, l.leverage AS leverage_set, (x.account_id IS NOT NULL) AS is_done
FROM intent i
JOIN signal s ON s.signal_id = i.signal_id
JOIN account a ON a.account_id = i.account_id
LEFT JOIN leverage_setting l ON l.account_id = i.account_id AND l.symbol = s.symbol
LEFT JOIN outcome x ON x.signal_id = i.signal_id AND x.account_id = i.account_id
WHERE i.signal_id = $1 AND i.account_id = ANY ($2::bigint[]) AND i.state = 'queued'
