SELECT lane, count(*) AS chunks FROM chunk WHERE done_at IS NULL AND claimed_by IS NULL GROUP BY lane
