-- Yesterday (UTC) of the installation, for the operator's channels that want it and were not told yet: counts and no one's money.
WITH day AS (
    SELECT date_trunc('day', clock_timestamp(), 'UTC') - interval '1 day' AS begins, date_trunc('day', clock_timestamp(), 'UTC') AS ends,
           to_char(clock_timestamp() AT TIME ZONE 'UTC' - interval '1 day', 'YYYY-MM-DD') AS name),
wanted AS MATERIALIZED (
    SELECT c.channel_id FROM notice_channel c, day
    WHERE c.user_id IS NULL AND takes_notice(c, 'operator_summary') AND c.confirmed_at < day.ends
      AND NOT EXISTS (SELECT FROM notice_item i WHERE i.channel_id = c.channel_id AND i.notice = 'operator_summary' AND i.subject = day.name)),
facts AS MATERIALIZED (
    SELECT day.name, jsonb_build_object(
        'day', day.name,
        'signals', (SELECT count(*) FROM source u JOIN signal s ON s.source_id = u.source_id AND s.received_at >= day.begins AND s.received_at < day.ends),
        'ready', (SELECT count(*) FROM account WHERE status = 'ready'),
        'quarantined', (SELECT count(*) FROM account WHERE status = 'quarantined'),
        'open', (SELECT count(*) FROM position WHERE protection <> 'closed'),
        'unprotected', (SELECT count(*) FROM position WHERE protection IN ('naked', 'protecting', 'closing') AND signal_id IS NOT NULL)) AS facts
    FROM day WHERE EXISTS (SELECT FROM wanted))
INSERT INTO notice_item (channel_id, notice, subject, facts)
SELECT w.channel_id, 'operator_summary', f.name, f.facts FROM wanted w, facts f
ON CONFLICT DO NOTHING
