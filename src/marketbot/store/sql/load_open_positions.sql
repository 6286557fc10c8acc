-- What accounts hold by our books: open positions, and those closed a moment ago, whose protective orders may still be loose.
-- One of whose orders nobody knows the end is looked for however long ago its position closed.
-- Account, signal and intent are looked up a row: joined, they would be read whole by a plan that was made while they were empty.
SELECT p.account_id, p.user_id, p.symbol, p.side, p.signal_id, p.protection, p.qty, p.entry_price, p.stop_price, p.target_price,
       p.opened_at, a.venue, a.environment,
       (SELECT i.leverage FROM intent i WHERE i.signal_id = p.signal_id AND i.account_id = p.account_id) AS leverage,
       (SELECT s.received_at FROM signal s WHERE s.signal_id = p.signal_id) AS received_at
FROM position p
CROSS JOIN LATERAL (SELECT venue, environment FROM account WHERE account_id = p.account_id LIMIT 1) a
WHERE p.account_id = ANY ($1::bigint[]) AND (p.protection <> 'closed' OR (p.signal_id IS NOT NULL AND p.closed_at > now() - $2::interval)
   OR EXISTS (SELECT FROM unconfirmed_order u WHERE u.account_id = p.account_id AND u.signal_id = p.signal_id))
