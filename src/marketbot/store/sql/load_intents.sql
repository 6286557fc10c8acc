-- What is to be done for the accounts of a chunk. Account, leverage and outcome are looked up a row: joined, they would be read whole
-- by a plan that was made while they were empty.
WITH sent AS MATERIALIZED (
    SELECT s.symbol, s.received_at,
           EXISTS (SELECT FROM signal c
                   WHERE c.signal_id > s.signal_id AND c.source_id = s.source_id AND c.symbol = s.symbol
                     AND c.action = ANY (CASE s.action WHEN 'open_long' THEN '{close_long,close_all}'::signal_action[]
                                                       WHEN 'open_short' THEN '{close_short,close_all}'::signal_action[] END)
                  ) AS superseded,
           -- Closes by command that came later; nearly always none.
           ARRAY(SELECT c.command_id FROM signal c
                 WHERE c.command_id IS NOT NULL AND c.symbol = s.symbol AND c.signal_id > s.signal_id
                   AND s.action IN ('open_long', 'open_short')) AS closing,
           EXISTS (SELECT FROM restoration r WHERE r.last_signal_id >= s.signal_id) AS restored
    FROM signal s WHERE s.signal_id = $1)
SELECT i.account_id, i.user_id, i.side, i.qty, i.leverage, i.stop_price, i.target_price, s.symbol, s.received_at, s.restored,
       s.superseded OR (s.closing <> '{}' AND EXISTS (
           SELECT FROM control_command m
           CROSS JOIN LATERAL (SELECT * FROM account a WHERE a.account_id = i.account_id LIMIT 1) a
           WHERE m.command_id = ANY (s.closing)
             AND is_covered(m.scope, m.key, a.account_id, a.user_id, a.venue, a.environment))) AS superseded,
       (SELECT a.status FROM account a WHERE a.account_id = i.account_id) AS status,
       (SELECT l.leverage FROM leverage_setting l WHERE l.account_id = i.account_id AND l.symbol = s.symbol) AS leverage_set,
       (SELECT true FROM outcome x WHERE x.signal_id = $1 AND x.account_id = i.account_id) AS is_done
FROM sent s
JOIN intent i ON i.signal_id = $1 AND i.account_id = ANY ($2::bigint[]) AND i.state = 'queued'
