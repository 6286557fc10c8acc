UPDATE account SET status = 'quarantined', status_reason = $3, changed_at = clock_timestamp()
WHERE account_id = $1 AND user_id = $2 AND status <> 'quarantined'
