-- Positions that got their stop between $1 and $2, for a page of the channels that want to know. Returns the page's last channel; none after the last.
WITH page AS MATERIALIZED (
    SELECT c.channel_id, c.user_id, c.confirmed_at FROM notice_channel c
    WHERE c.channel_id > $3 AND c.user_id IS NOT NULL AND takes_notice(c, 'position_protected') ORDER BY c.channel_id LIMIT $4),
found AS (
    INSERT INTO notice_item (channel_id, notice, subject, at, facts)
    SELECT c.channel_id, 'position_protected', p.account_id || ':' || p.symbol || ':' || p.side || ':' || extract(epoch FROM p.opened_at),
           p.protected_at,
           jsonb_build_object('account_id', p.account_id, 'label', a.label, 'venue', a.venue, 'symbol', p.symbol, 'side', p.side,
                              'qty', p.qty::text, 'entry_price', p.entry_price::text, 'stop_price', p.stop_price::text,
                              'target_price', p.target_price::text)
    FROM page c JOIN account a ON a.user_id = c.user_id JOIN position p ON p.account_id = a.account_id AND p.user_id = c.user_id
    WHERE p.protected_at > greatest($1, c.confirmed_at) AND p.protected_at <= $2 AND p.signal_id IS NOT NULL
    ON CONFLICT DO NOTHING)
SELECT max(channel_id) FROM page
