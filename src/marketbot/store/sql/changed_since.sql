-- What of a user's rows is newer than a moment ($2). By way of the user's own indexes: neither order_event nor position has one by
-- time, for it would cost every order of a fan-out an entry more.
WITH lately AS MATERIALIZED (
    (SELECT signal_id, account_id, planned_at FROM intent
     WHERE user_id = $1 AND planned_at > $3 AND state = 'queued' AND lane > 0 ORDER BY planned_at DESC LIMIT $4)
    UNION ALL
    (SELECT signal_id, account_id, planned_at FROM intent
     WHERE user_id = $1 AND planned_at > $3 AND state = 'queued' AND lane = 0 ORDER BY planned_at DESC LIMIT $4)
), own AS MATERIALIZED (
    SELECT account_id, changed_at FROM account WHERE user_id = $1
)
SELECT
    EXISTS (SELECT FROM lately WHERE planned_at > $2)
    OR EXISTS (SELECT FROM intent WHERE user_id = $1 AND planned_at > $2 AND state = 'denied')
    OR EXISTS (SELECT FROM lately l JOIN outcome o USING (signal_id, account_id) WHERE o.user_id = $1 AND o.at > $2) AS signals,
    EXISTS (SELECT FROM lately WHERE planned_at > $2)
    OR EXISTS (SELECT FROM lately l JOIN order_event e USING (signal_id, account_id) WHERE e.user_id = $1 AND e.at > $2) AS orders,
    EXISTS (SELECT FROM own JOIN position p USING (account_id) WHERE p.user_id = $1 AND p.changed_at > $2) AS positions,
    -- Becoming ready leaves changed_at alone, but makes sure of the leverage.
    EXISTS (SELECT FROM own WHERE changed_at > $2)
    OR EXISTS (SELECT FROM own JOIN leverage_setting s USING (account_id) WHERE s.user_id = $1 AND s.set_at > $2) AS accounts
