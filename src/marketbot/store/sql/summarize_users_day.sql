-- Yesterday (UTC) of each user whose channel wants it and was not told yet, for a page of channels.
WITH day AS (
    SELECT date_trunc('day', clock_timestamp(), 'UTC') - interval '1 day' AS begins, date_trunc('day', clock_timestamp(), 'UTC') AS ends,
           to_char(clock_timestamp() AT TIME ZONE 'UTC' - interval '1 day', 'YYYY-MM-DD') AS name),
page AS MATERIALIZED (
    SELECT c.channel_id, c.user_id FROM notice_channel c, day
    WHERE c.channel_id > $1 AND c.user_id IS NOT NULL AND takes_notice(c, 'daily_summary') AND c.confirmed_at < day.ends
      AND NOT EXISTS (SELECT FROM notice_item i WHERE i.channel_id = c.channel_id AND i.notice = 'daily_summary' AND i.subject = day.name)
    ORDER BY c.channel_id LIMIT $2),
told AS (
    INSERT INTO notice_item (channel_id, notice, subject, facts)
    SELECT c.channel_id, 'daily_summary', day.name,
           jsonb_build_object(
               'day', day.name,
               'closed', (SELECT count(*) FROM realized_result r
                          WHERE r.user_id = c.user_id AND r.closed_at >= day.begins AND r.closed_at < day.ends),
               'result', (SELECT coalesce(sum(r.result), 0)::text FROM realized_result r
                          WHERE r.user_id = c.user_id AND r.closed_at >= day.begins AND r.closed_at < day.ends),
               'not_made', (SELECT count(*) FROM intent i
                            WHERE i.user_id = c.user_id AND i.state = 'denied' AND i.planned_at >= day.begins AND i.planned_at < day.ends),
               'open', (SELECT count(*) FROM account a JOIN position p ON p.account_id = a.account_id AND p.user_id = a.user_id
                        WHERE a.user_id = c.user_id AND p.protection <> 'closed'))
    FROM page c, day
    ON CONFLICT DO NOTHING)
SELECT max(channel_id) FROM page
