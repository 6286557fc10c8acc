-- A page of audit entries by or about somebody ($1 a person, $2 a user; none where there is none), behind entry $3. Each way to an entry
-- goes along its own index. From where somebody else acted is not told.
WITH own_token AS (
    SELECT token_id FROM api_token WHERE user_id = $2
), subject AS (
    SELECT 'person' AS kind, $1::bigint::text AS id
    UNION ALL SELECT 'user', $2::bigint::text
    UNION ALL SELECT 'account', account_id::text FROM account WHERE user_id = $2
    UNION ALL SELECT 'token', token_id::text FROM own_token
    UNION ALL SELECT 'session', session_id::text FROM login_session WHERE person_id = $1
    UNION ALL SELECT 'channel', channel_id::text FROM notice_channel WHERE user_id = $2
), found AS (
    (SELECT e.entry_id FROM audit_entry e WHERE e.actor_kind = 'person' AND e.actor_id = $1 AND e.entry_id > $3
     ORDER BY e.entry_id LIMIT $4)
    UNION
    SELECT o.entry_id FROM own_token t CROSS JOIN LATERAL (
        SELECT e.entry_id FROM audit_entry e WHERE e.actor_kind = 'token' AND e.actor_id = t.token_id AND e.entry_id > $3
        ORDER BY e.entry_id LIMIT $4) o
    UNION
    SELECT o.entry_id FROM subject s CROSS JOIN LATERAL (
        SELECT e.entry_id FROM audit_entry e WHERE e.subject_kind = s.kind AND e.subject_id = s.id AND e.entry_id > $3
        ORDER BY e.entry_id LIMIT $4) o
)
SELECT e.entry_id, e.at, e.action, e.actor_kind, e.actor_id,
       CASE WHEN e.actor_kind = 'person' AND e.actor_id = $1 OR e.actor_kind = 'token' AND e.actor_id IN (SELECT token_id FROM own_token)
            THEN a.address END AS address,
       e.subject_kind, e.subject_id, e.facts
FROM audit_entry e LEFT JOIN audit_address a USING (entry_id)
WHERE e.entry_id IN (SELECT entry_id FROM found ORDER BY entry_id LIMIT $4)
ORDER BY e.entry_id
