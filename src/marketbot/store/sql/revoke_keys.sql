-- Accounts that have a key, or one on its way to them. The fingerprint stays, so that the same key is not connected again.
WITH covered AS (
    SELECT a.account_id FROM account a
    WHERE ($1 = 'all' OR ($1 = 'user' AND a.user_id = $2) OR ($1 = 'account' AND a.account_id = $2))
      AND (a.api_secret_sealed <> '' OR EXISTS (SELECT FROM key_box b WHERE b.account_id = a.account_id))
    FOR UPDATE),
boxes AS (DELETE FROM key_box WHERE account_id IN (SELECT account_id FROM covered)),
gone AS (
    UPDATE account SET api_key_sealed = '', api_secret_sealed = '', api_passphrase_sealed = NULL, status = 'quarantined',
        status_code = $3, status_reason = $4, status_facts = '{}', changed_at = clock_timestamp()
    WHERE account_id IN (SELECT account_id FROM covered)
    RETURNING account_id, user_id, label, venue, environment, changed_at),
told AS MATERIALIZED (
    SELECT venue, environment, ask_notices(user_id, 'account_quarantined', account_id || ':' || extract(epoch FROM changed_at),
        jsonb_build_object('account_id', account_id, 'label', label, 'venue', venue, 'environment', environment,
                           'reason', $4::text, 'code', $3::text))
    FROM gone)
SELECT venue, environment::text, count(*)::int AS accounts FROM told GROUP BY 1, 2 ORDER BY 1, 2
