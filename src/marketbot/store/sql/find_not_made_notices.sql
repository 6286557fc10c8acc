-- Entries that were denied, or lapsed or were rejected, between $1 and $2, for a page of the channels that want to know. What was planned is looked
-- for three minutes back, for its end comes later.
WITH page AS MATERIALIZED (
    SELECT c.channel_id, c.user_id, c.confirmed_at FROM notice_channel c
    WHERE c.channel_id > $3 AND c.user_id IS NOT NULL AND takes_notice(c, 'entry_not_made') ORDER BY c.channel_id LIMIT $4),
ended AS (
    SELECT c.channel_id, c.user_id, i.signal_id, i.account_id, 'denied' AS became, i.reason, i.detail, i.planned_at AS at
    FROM page c JOIN intent i ON i.user_id = c.user_id AND i.state = 'denied'
    WHERE i.planned_at > greatest($1, c.confirmed_at) AND i.planned_at <= $2
    UNION ALL
    SELECT c.channel_id, c.user_id, i.signal_id, i.account_id, o.result::text, o.reason, o.detail, o.at
    FROM page c JOIN intent i ON i.user_id = c.user_id AND i.state = 'queued' AND i.lane > 0
    JOIN outcome o ON o.signal_id = i.signal_id AND o.account_id = i.account_id AND o.user_id = c.user_id
    WHERE i.planned_at > $1 - interval '3 minutes' AND i.planned_at <= $2 AND o.result <> 'ordered'
      AND o.at > greatest($1, c.confirmed_at) AND o.at <= $2),
found AS (
    INSERT INTO notice_item (channel_id, notice, subject, at, facts)
    SELECT e.channel_id, 'entry_not_made', e.signal_id || ':' || e.account_id, e.at,
           jsonb_build_object('account_id', e.account_id, 'signal_id', e.signal_id, 'label', a.label, 'venue', a.venue, 'symbol', s.symbol,
                              'became', e.became, 'reason', e.reason, 'detail', coalesce(e.detail, ''))
    FROM ended e JOIN account a ON a.account_id = e.account_id AND a.user_id = e.user_id JOIN signal s ON s.signal_id = e.signal_id
    ON CONFLICT DO NOTHING)
SELECT max(channel_id) FROM page
