-- Strict lanes: within what may be claimed, the lowest lane first, then the oldest. Markets that are full are left out.
UPDATE chunk SET claimed_by = $1, lease_until = now() + $2::interval, attempts = attempts + 1,
                 claimed_at = coalesce(claimed_at, clock_timestamp())
WHERE chunk_id IN (
    SELECT chunk_id FROM chunk
    WHERE done_at IS NULL AND claimed_by IS NULL AND lane = $3 AND NOT (venue || '/' || environment::text = ANY ($4::text[]))
    ORDER BY lane, chunk_id
    LIMIT $5
    FOR UPDATE SKIP LOCKED)
RETURNING chunk_id, signal_id, lane, venue, environment, account_ids, attempts
