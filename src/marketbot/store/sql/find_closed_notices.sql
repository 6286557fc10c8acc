-- Positions that were closed between $1 and $2 with what they gained or lost, for a page of the channels that want to know.
WITH page AS MATERIALIZED (
    SELECT c.channel_id, c.user_id, c.confirmed_at FROM notice_channel c
    WHERE c.channel_id > $3 AND c.user_id IS NOT NULL AND takes_notice(c, 'position_closed') ORDER BY c.channel_id LIMIT $4),
found AS (
    INSERT INTO notice_item (channel_id, notice, subject, at, facts)
    SELECT c.channel_id, 'position_closed', r.account_id || ':' || r.symbol || ':' || r.side || ':' || extract(epoch FROM r.closed_at),
           r.closed_at,
           jsonb_build_object('account_id', r.account_id, 'label', a.label, 'venue', a.venue, 'symbol', r.symbol, 'side', r.side,
                              'result', r.result::text)
    FROM page c JOIN realized_result r ON r.user_id = c.user_id JOIN account a ON a.account_id = r.account_id AND a.user_id = c.user_id
    WHERE r.closed_at > greatest($1, c.confirmed_at) AND r.closed_at <= $2
    ON CONFLICT DO NOTHING)
SELECT max(channel_id) FROM page
