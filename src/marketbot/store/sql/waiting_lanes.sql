SELECT lane, count(*) AS chunks FROM chunk
WHERE done_at IS NULL AND claimed_by IS NULL AND (for_worker IS NULL OR for_worker = $1)
GROUP BY lane
