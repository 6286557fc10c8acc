WITH shut AS (
    UPDATE account SET status = 'quarantined', status_reason = $3, status_code = $4, status_facts = $5, changed_at = clock_timestamp()
    WHERE account_id = $1 AND user_id = $2 AND status <> 'quarantined'
    RETURNING account_id, user_id, label, venue, environment, status_reason, status_code, changed_at)
SELECT ask_notices(user_id, 'account_quarantined', account_id || ':' || extract(epoch FROM changed_at),
    jsonb_build_object('account_id', account_id, 'label', label, 'venue', venue, 'environment', environment, 'reason', status_reason, 'code', status_code))
FROM shut
