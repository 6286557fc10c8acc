-- now(), for the index: what is not due is not looked at.
SELECT j.job_id, j.account_id, a.user_id, a.egress, j.every, j.attempts, j.max_attempts
FROM job j JOIN account a USING (account_id)
WHERE j.kind = $1 AND j.account_id IS NOT NULL AND j.due_at <= now()
  AND a.venue = $2 AND a.environment = $3 AND a.status = 'ready' AND (NOT a.paused OR j.due_at <= now() - $4::interval)
  AND ($6::int[] IS NULL OR slot_of(a.egress, a.account_id, $7) = ANY ($6))
ORDER BY j.due_at
LIMIT $5
