-- Accounts' own jobs wait for a venue's budget, not for a keeper.
SELECT (SELECT count(*) FROM job WHERE dead_at IS NOT NULL) AS dead,
       (SELECT extract(epoch FROM clock_timestamp() - min(due_at))::float8 FROM job
        WHERE done_at IS NULL AND dead_at IS NULL AND account_id IS NULL AND due_at <= now()) AS oldest_due_s
