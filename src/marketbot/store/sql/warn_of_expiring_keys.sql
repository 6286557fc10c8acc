-- The nearest warning that is due and was not given; one that was missed for a nearer one is not made up for.
WITH due AS (
    SELECT c.account_id, (SELECT min(d) FROM unnest($1::int[]) AS d WHERE c.expires_at <= now() + make_interval(days => d)) AS days
    FROM key_check c JOIN account a USING (account_id, user_id)
    WHERE c.expires_at <= now() + $2::interval AND c.expires_at > now() AND a.disconnected_at IS NULL AND a.api_secret_sealed <> ''
    ORDER BY c.expires_at LIMIT $3),
warned AS (
    UPDATE key_check c SET warned_days = due.days FROM due
    WHERE c.account_id = due.account_id AND (c.warned_days IS NULL OR c.warned_days > due.days)
    RETURNING c.account_id, c.user_id, c.expires_at, c.warned_days)
SELECT w.account_id, ask_notices(w.user_id, 'key_expires', w.account_id || ':' || extract(epoch FROM w.expires_at) || ':' || w.warned_days,
    jsonb_build_object('account_id', w.account_id, 'label', a.label, 'venue', a.venue, 'environment', a.environment,
                       'expires_at', w.expires_at, 'days', ceil(extract(epoch FROM w.expires_at - now()) / 86400)))
FROM warned w JOIN account a USING (account_id)
