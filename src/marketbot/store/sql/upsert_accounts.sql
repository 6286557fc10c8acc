-- A row that says what is stored already is left alone, so that nothing is connected anew for it; a new key, or a quarantined
-- account that is imported once more, is proven again.
INSERT INTO account AS a (account_id, user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint, egress,
                          paused, reduce_only, leverage, stop_multiplier, target_multiplier, position_size_pct, max_positions,
                          cooldown_min, daily_loss_limit, allowed_symbols, denied_symbols) OVERRIDING SYSTEM VALUE
SELECT account_id, user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint, egress,
       paused, reduce_only, leverage, stop_multiplier, target_multiplier, position_size_pct, max_positions,
       cooldown_min, daily_loss_limit, allowed_symbols, denied_symbols
FROM imported_account
ON CONFLICT (user_id, label) DO UPDATE SET
    api_key_sealed = excluded.api_key_sealed, api_secret_sealed = excluded.api_secret_sealed,
    api_key_fingerprint = excluded.api_key_fingerprint, egress = excluded.egress,
    api_passphrase_sealed = CASE WHEN a.api_secret_sealed <> excluded.api_secret_sealed THEN NULL ELSE a.api_passphrase_sealed END,
    disconnected_at = NULL, status_code = NULL, status_facts = NULL,
    paused = excluded.paused, reduce_only = excluded.reduce_only, leverage = excluded.leverage,
    stop_multiplier = excluded.stop_multiplier, target_multiplier = excluded.target_multiplier,
    position_size_pct = excluded.position_size_pct, max_positions = excluded.max_positions,
    cooldown_min = excluded.cooldown_min, daily_loss_limit = excluded.daily_loss_limit,
    allowed_symbols = excluded.allowed_symbols, denied_symbols = excluded.denied_symbols,
    status = CASE WHEN a.api_secret_sealed <> excluded.api_secret_sealed OR a.status = 'quarantined' THEN 'connecting'
                  ELSE a.status END,
    status_reason = CASE WHEN a.api_secret_sealed <> excluded.api_secret_sealed OR a.status = 'quarantined' THEN NULL
                         ELSE a.status_reason END,
    changed_at = clock_timestamp()
WHERE a.status = 'quarantined'
   OR (a.api_secret_sealed, a.api_key_fingerprint, a.egress, a.paused, a.reduce_only, a.leverage, a.stop_multiplier,
       a.target_multiplier, a.position_size_pct, a.max_positions, a.cooldown_min, a.daily_loss_limit, a.allowed_symbols,
       a.denied_symbols)
   IS DISTINCT FROM
      (excluded.api_secret_sealed, excluded.api_key_fingerprint, excluded.egress, excluded.paused, excluded.reduce_only,
       excluded.leverage, excluded.stop_multiplier, excluded.target_multiplier, excluded.position_size_pct,
       excluded.max_positions, excluded.cooldown_min, excluded.daily_loss_limit, excluded.allowed_symbols,
       excluded.denied_symbols)
RETURNING account_id, (xmax = 0) AS is_new
