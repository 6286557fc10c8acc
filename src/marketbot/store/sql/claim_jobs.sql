-- The longest due first, of kinds that this version knows. A claim is worth what its worker's life is. now(), for the index: what is not due is not
-- looked at.
UPDATE job SET claimed_by = $1, claimed_at = clock_timestamp(), attempts = attempts + 1
WHERE job_id IN (
    SELECT job_id FROM job
    WHERE done_at IS NULL AND dead_at IS NULL AND account_id IS NULL AND due_at <= now() AND kind = ANY ($2::text[])
      AND (claimed_by IS NULL OR NOT EXISTS (SELECT 1 FROM worker w WHERE w.worker = claimed_by AND w.ended_at IS NULL))
    ORDER BY due_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED)
RETURNING job_id, kind, key, payload, due_at, every, attempts, max_attempts
