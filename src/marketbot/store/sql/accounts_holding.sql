-- Accounts with open positions at these markets, the unprotected ones first.
SELECT a.account_id, a.venue, a.environment, a.egress,
       bool_or(p.protection <> 'protected' AND p.signal_id IS NOT NULL) AS exposed
FROM position p JOIN account a USING (account_id)
WHERE p.protection <> 'closed' AND a.status <> 'quarantined' AND (a.venue || '/' || a.environment::text) = ANY ($1::text[])
  AND ($2::int[] IS NULL OR slot_of(a.egress, a.account_id, $3) = ANY ($2))
GROUP BY 1, 2, 3, 4
ORDER BY exposed DESC, a.account_id
