SELECT lane, count(*) AS chunks FROM chunk
WHERE done_at IS NULL AND claimed_by IS NULL AND (for_worker IS NULL OR for_worker = $1
   OR NOT EXISTS (SELECT 1 FROM worker w WHERE w.worker = for_worker AND w.ended_at IS NULL AND NOT w.draining))
GROUP BY lane
