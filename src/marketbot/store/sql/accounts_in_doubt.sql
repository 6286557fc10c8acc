-- Accounts with an order of which nobody knows, whose chunk is done, so that nobody works on it: the longest in doubt first.
-- The account is looked up a row: joined, all of them would be read by a plan that was made while there were none.
SELECT u.account_id, a.venue, a.environment, a.egress
FROM unconfirmed_order u
CROSS JOIN LATERAL (SELECT venue, environment, egress, status FROM account WHERE account_id = u.account_id LIMIT 1) a
WHERE u.since < clock_timestamp() - $4::interval AND u.account_id <> ALL ($5::bigint[])
  AND a.status <> 'quarantined' AND (a.venue || '/' || a.environment::text) = ANY ($1::text[])
  AND ($2::int[] IS NULL OR slot_of(a.egress, u.account_id, $3) = ANY ($2))
  AND NOT EXISTS (SELECT 1 FROM chunk c WHERE c.signal_id = u.signal_id AND c.done_at IS NULL AND u.account_id = ANY (c.account_ids))
GROUP BY 1, 2, 3, 4
ORDER BY min(u.since)
LIMIT $6
