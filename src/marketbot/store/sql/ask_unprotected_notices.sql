-- Positions of ours that have stood without a verified stop for longer than an order's whole way takes. Each is told of once.
SELECT ask_notices(p.user_id, 'position_unprotected', p.account_id || ':' || p.symbol || ':' || p.side || ':' || extract(epoch FROM p.opened_at),
    jsonb_build_object('account_id', p.account_id, 'label', a.label, 'venue', a.venue, 'environment', a.environment, 'symbol', p.symbol,
                       'side', p.side, 'protection', p.protection, 'opened_at', p.opened_at))
FROM (SELECT * FROM position WHERE protection IN ('naked', 'protecting', 'closing') AND signal_id IS NOT NULL
        AND opened_at < clock_timestamp() - $1::interval
      ORDER BY opened_at LIMIT $2) p
JOIN account a USING (account_id)
