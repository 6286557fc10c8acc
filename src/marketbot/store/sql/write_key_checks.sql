-- What is not told (a look that failed, a venue that says nothing) leaves what is known; a new key has no row that says otherwise.
INSERT INTO key_check AS c (account_id, user_id, checked_at, code, facts, ip_restricted, expires_at)
SELECT n.* FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::jsonb[], $6::boolean[], $7::timestamptz[])
    AS n (account_id, user_id, checked_at, code, facts, ip_restricted, expires_at)
JOIN account a ON a.account_id = n.account_id AND a.user_id = n.user_id
ON CONFLICT (account_id) DO UPDATE SET
    checked_at = excluded.checked_at, code = excluded.code, facts = excluded.facts,
    asked_at = CASE WHEN c.asked_at > excluded.checked_at THEN c.asked_at END,
    ip_restricted = coalesce(excluded.ip_restricted, c.ip_restricted),
    expires_at = CASE WHEN excluded.ip_restricted IS NULL THEN c.expires_at ELSE excluded.expires_at END,
    warned_days = CASE WHEN excluded.ip_restricted IS NULL OR c.expires_at = excluded.expires_at THEN c.warned_days END
