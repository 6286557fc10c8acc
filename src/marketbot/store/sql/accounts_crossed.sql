-- Accounts whose stop or target lies beyond the price: it has fired, or is about to.
SELECT DISTINCT p.account_id, a.venue, a.environment, a.egress
FROM position p
JOIN account a USING (account_id)
JOIN unnest($1::text[], $2::text[], $3::text[], $4::numeric[]) AS n (venue, environment, symbol, price)
     ON n.symbol = p.symbol AND n.venue = a.venue AND n.environment = a.environment::text
WHERE p.protection <> 'closed' AND p.signal_id IS NOT NULL AND a.status <> 'quarantined'
  AND ($6::int[] IS NULL OR slot_of(a.egress, a.account_id, $7) = ANY ($6))
  AND CASE p.side WHEN 'long' THEN n.price <= p.stop_price OR n.price >= p.target_price
                  ELSE n.price >= p.stop_price OR n.price <= p.target_price END
LIMIT $5
