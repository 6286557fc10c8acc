UPDATE job SET due_at = n.due_at, attempts = n.attempts, failed = n.failed
FROM unnest($1::bigint[], $2::timestamptz[], $3::int[], $4::text[]) AS n (job_id, due_at, attempts, failed)
WHERE job.job_id = n.job_id
