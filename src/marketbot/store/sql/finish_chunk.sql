WITH finished AS (
    UPDATE chunk SET done_at = clock_timestamp(), claimed_by = NULL, lease_until = NULL
    WHERE chunk_id = $1 AND claimed_by = $2 AND done_at IS NULL
    RETURNING signal_id, chunk_id)
UPDATE signal s SET state = 'settled', settled_at = clock_timestamp()
FROM finished f
WHERE s.signal_id = f.signal_id AND s.state = 'planned'
  AND NOT EXISTS (SELECT 1 FROM chunk c WHERE c.signal_id = f.signal_id AND c.done_at IS NULL AND c.chunk_id <> f.chunk_id)
