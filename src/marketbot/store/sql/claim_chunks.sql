-- Strict lanes: within what may be claimed, the lowest lane first, then the oldest. Markets that are full are left out, and so are
-- chunks that are meant for somebody else who lives and claims.
UPDATE chunk SET claimed_by = $1, attempts = attempts + 1, claimed_at = coalesce(claimed_at, clock_timestamp())
WHERE chunk_id IN (
    SELECT chunk_id FROM chunk
    WHERE done_at IS NULL AND claimed_by IS NULL AND lane = $2 AND NOT (venue || '/' || environment::text = ANY ($3::text[]))
      AND (for_worker IS NULL OR for_worker = $1
       OR NOT EXISTS (SELECT 1 FROM worker w WHERE w.worker = for_worker AND w.ended_at IS NULL AND NOT w.draining))
    ORDER BY lane, chunk_id
    LIMIT $4
    FOR UPDATE SKIP LOCKED)
RETURNING chunk_id, signal_id, lane, venue, environment, account_ids, attempts
