UPDATE chunk SET done_at = clock_timestamp(), claimed_by = NULL
WHERE chunk_id = $1 AND claimed_by = $2 AND done_at IS NULL
