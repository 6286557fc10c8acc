-- Change what a document names of one account of one user. Nothing is written, and nobody connects anything anew, where all of it
-- is so already.
WITH wanted AS (
    SELECT CASE WHEN $3::jsonb ? 'paused' THEN ($3 ->> 'paused')::boolean ELSE paused END AS paused,
           CASE WHEN $3 ? 'reduce_only' THEN ($3 ->> 'reduce_only')::boolean ELSE reduce_only END AS reduce_only,
           CASE WHEN $3 ? 'leverage' THEN ($3 ->> 'leverage')::numeric ELSE leverage END AS leverage,
           CASE WHEN $3 ? 'stop_multiplier' THEN ($3 ->> 'stop_multiplier')::numeric ELSE stop_multiplier END AS stop_multiplier,
           CASE WHEN $3 ? 'target_multiplier' THEN ($3 ->> 'target_multiplier')::numeric ELSE target_multiplier END
               AS target_multiplier,
           CASE WHEN $3 ? 'position_size_pct' THEN ($3 ->> 'position_size_pct')::numeric ELSE position_size_pct END
               AS position_size_pct,
           CASE WHEN $3 ? 'max_positions' THEN ($3 ->> 'max_positions')::int ELSE max_positions END AS max_positions,
           CASE WHEN $3 ? 'cooldown_min' THEN ($3 ->> 'cooldown_min')::int ELSE cooldown_min END AS cooldown_min,
           CASE WHEN $3 ? 'daily_loss_limit' THEN ($3 ->> 'daily_loss_limit')::numeric ELSE daily_loss_limit END
               AS daily_loss_limit,
           CASE WHEN NOT $3 ? 'allowed_symbols' THEN allowed_symbols
                WHEN jsonb_typeof($3 -> 'allowed_symbols') = 'array'
                THEN ARRAY(SELECT jsonb_array_elements_text($3 -> 'allowed_symbols')) END AS allowed_symbols,
           CASE WHEN $3 ? 'denied_symbols' THEN ARRAY(SELECT jsonb_array_elements_text($3 -> 'denied_symbols'))
                ELSE denied_symbols END AS denied_symbols
    FROM account WHERE account_id = $1 AND user_id = $2
    FOR UPDATE)
UPDATE account a SET
    paused = w.paused, reduce_only = w.reduce_only, leverage = w.leverage, stop_multiplier = w.stop_multiplier,
    target_multiplier = w.target_multiplier, position_size_pct = w.position_size_pct, max_positions = w.max_positions,
    cooldown_min = w.cooldown_min, daily_loss_limit = w.daily_loss_limit, allowed_symbols = w.allowed_symbols,
    denied_symbols = w.denied_symbols, changed_at = clock_timestamp()
FROM wanted w
WHERE a.account_id = $1 AND a.user_id = $2
  AND (a.paused, a.reduce_only, a.leverage, a.stop_multiplier, a.target_multiplier, a.position_size_pct, a.max_positions,
       a.cooldown_min, a.daily_loss_limit, a.allowed_symbols, a.denied_symbols)
      IS DISTINCT FROM
      (w.paused, w.reduce_only, w.leverage, w.stop_multiplier, w.target_multiplier, w.position_size_pct, w.max_positions,
       w.cooldown_min, w.daily_loss_limit, w.allowed_symbols, w.denied_symbols)
RETURNING a.account_id
