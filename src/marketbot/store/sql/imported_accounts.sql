CREATE TEMP TABLE imported_account (
    account_id bigint, user_id bigint, label text, venue text, environment environment, api_key_sealed bytea, api_secret_sealed bytea,
    api_key_fingerprint bytea, egress int, paused boolean, reduce_only boolean, leverage numeric,
    stop_multiplier numeric, target_multiplier numeric, position_size_pct numeric, max_positions int, cooldown_min int,
    daily_loss_limit numeric, allowed_symbols text[], denied_symbols text[], source_ids bigint[]) ON COMMIT DROP
