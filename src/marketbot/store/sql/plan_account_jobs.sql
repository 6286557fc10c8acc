-- Due when the last reading gets old; accounts that were connected together are spread over a half of the period.
INSERT INTO job (kind, key, account_id, every, max_attempts, due_at)
SELECT $1::text, a.account_id::text, a.account_id, $2::interval, $3, coalesce(r.read_at + $2::interval * (0.5 + 0.5 * random()), clock_timestamp())
FROM account a LEFT JOIN account_reading r USING (account_id)
WHERE a.status = 'ready' AND ($4::int[] IS NULL OR slot_of(a.egress, a.account_id, $5) = ANY ($4))
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = $1 AND j.key = a.account_id::text AND j.done_at IS NULL AND j.dead_at IS NULL)
ON CONFLICT (kind, key) WHERE done_at IS NULL AND dead_at IS NULL DO NOTHING
