-- Where an intent is still being worked off: reconciliation leaves these to the chunk that holds them. The outcome is looked up a
-- row: joined, all of them would be read by a plan that was made while there were none.
SELECT DISTINCT u.account_id, s.symbol
FROM chunk c
CROSS JOIN LATERAL unnest(c.account_ids) AS u (account_id)
JOIN signal s USING (signal_id)
WHERE c.done_at IS NULL AND u.account_id = ANY ($1::bigint[])
  AND (SELECT true FROM outcome x WHERE x.signal_id = c.signal_id AND x.account_id = u.account_id) IS NULL
