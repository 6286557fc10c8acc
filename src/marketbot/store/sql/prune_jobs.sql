DELETE FROM job WHERE job_id IN (
    SELECT job_id FROM job WHERE done_at < now() - $1::interval ORDER BY done_at LIMIT $2)
