-- Users with tokens of their own, and the second wall between them: row-level security for the role that a user's request runs
-- under. Engines and operators connect as the tables' owner, whom the policies do not bind (no FORCE), so their plans stay.

ALTER TABLE app_user ADD COLUMN disabled_at timestamptz;

-- A token is 256 random bits, so its plain digest cannot be turned back. ``prefix`` is its readable beginning, for recognition.
CREATE TABLE api_token (
    token_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint REFERENCES app_user,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    scopes       text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 16),
    sha256       bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    prefix       text NOT NULL CHECK (length(prefix) <= 12),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz CHECK (expires_at > created_at),
    revoked_at   timestamptz,
    -- Coarse: written at most once in some minutes.
    last_used_at timestamptz,
    -- A user's token opens what is the user's; an operator's belongs to no user and opens what is the operator's.
    CONSTRAINT api_token_scopes CHECK (
        CASE WHEN user_id IS NULL THEN scopes <@ ARRAY['operator:read', 'operator:write']
        ELSE scopes <@ ARRAY['accounts:read', 'accounts:write', 'orders:read', 'settings:write', 'close:write', 'tokens:write'] END)
);
CREATE INDEX api_token_by_user ON api_token (user_id, token_id);

-- A page of a user's own rows is found by index. Every intent stands in exactly one of three partial indexes, intent_by_user for
-- queued entries and these two, so that an order in a fan-out costs no entry more than before.
CREATE INDEX intent_by_user_denied ON intent (user_id, planned_at) WHERE state = 'denied';
CREATE INDEX intent_by_user_exit ON intent (user_id, planned_at) WHERE state = 'queued' AND lane = 0;
CREATE INDEX account_by_user ON account (user_id, account_id);
CREATE INDEX follow_by_account ON follow (account_id);
CREATE INDEX realized_result_by_user ON realized_result (user_id, closed_at, account_id);

-- Whose request a transaction serves; NULL, which equals no user, where nobody said. A setting that was local to an earlier
-- transaction of the session reads as an empty text afterwards.
CREATE FUNCTION request_user_id() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT nullif(current_setting('marketbot.user_id', true), '')::bigint $$;

-- As a sub-select it is asked once a statement, not once a row.
CREATE POLICY own ON app_user USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON api_token USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON account USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON account_reading USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON leverage_setting USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON intent USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON orders USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON order_event USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON outcome USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON position USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON realized_result USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON follow USING (EXISTS (
    SELECT FROM account a WHERE a.account_id = follow.account_id AND a.user_id = (SELECT request_user_id())));
-- A signal is seen by those with whose accounts something was done about it. By way of the user's accounts, for a signal has
-- ten thousand intents and a user a few accounts.
CREATE POLICY own ON signal FOR SELECT USING (EXISTS (
    SELECT FROM account a JOIN intent i ON i.signal_id = signal.signal_id AND i.account_id = a.account_id
    WHERE a.user_id = (SELECT request_user_id())));
CREATE POLICY own ON switch FOR SELECT USING (
    scope NOT IN ('user', 'account')
    OR (scope = 'user' AND key = (SELECT request_user_id()::text))
    OR (scope = 'account' AND EXISTS (
        SELECT FROM account a WHERE a.account_id::text = switch.key AND a.user_id = (SELECT request_user_id()))));

ALTER TABLE app_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE account ENABLE ROW LEVEL SECURITY;
ALTER TABLE account_reading ENABLE ROW LEVEL SECURITY;
ALTER TABLE leverage_setting ENABLE ROW LEVEL SECURITY;
ALTER TABLE follow ENABLE ROW LEVEL SECURITY;
ALTER TABLE intent ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE outcome ENABLE ROW LEVEL SECURITY;
ALTER TABLE position ENABLE ROW LEVEL SECURITY;
ALTER TABLE realized_result ENABLE ROW LEVEL SECURITY;
ALTER TABLE signal ENABLE ROW LEVEL SECURITY;
ALTER TABLE switch ENABLE ROW LEVEL SECURITY;

-- Without this a view reads with its owner's eyes, whom no policy binds.
ALTER VIEW order_current SET (security_invoker = true);

-- One row: the role that users' requests run under. Roles belong to the whole server, so each installation has one of its own
-- name: were it shared, whoever owns one database could read the other's users through it.
CREATE TABLE user_wall (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    role_name   text NOT NULL CHECK (role_name ~ '^marketbot_user_[0-9a-f]{8}$')
);
INSERT INTO user_wall (role_name) VALUES ('marketbot_user_' || left(md5(gen_random_uuid()::text), 8));

-- Make the role where it is missing and give it its rights; true when the caller may act as it. A dump restored on another server
-- comes without the role, so this is called again whenever the wall is found missing. No right covers a key, a digest or a
-- signal's body: what is not named here is refused.
CREATE FUNCTION raise_user_wall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    attempts_max CONSTANT int := 5;
    role_name CONSTANT text := (SELECT w.role_name FROM user_wall w);
    may_become CONSTANT text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
    rights CONSTANT text[] := ARRAY[
        'SELECT ON installation, policy, known_symbol, account_reading, leverage_setting, follow, intent, orders, order_event,'
        ' outcome, position, realized_result, order_current',
        'SELECT (user_id, name, created_at, disabled_at) ON app_user',
        'SELECT (source_id, name) ON source',
        'SELECT (scope, key, state, changed_at) ON switch',
        'SELECT (signal_id, source_id, action, symbol, strong, price, leverage, sent_at, state, received_at, planned_at, settled_at)'
        ' ON signal',
        'SELECT (account_id, user_id, label, venue, environment, egress, status, status_reason, hedge_mode, paused, reduce_only,'
        ' leverage, stop_multiplier, target_multiplier, position_size_pct, max_positions, cooldown_min, daily_loss_limit,'
        ' allowed_symbols, denied_symbols, created_at, changed_at) ON account',
        'UPDATE (paused, reduce_only, leverage, stop_multiplier, target_multiplier, position_size_pct, max_positions, cooldown_min,'
        ' daily_loss_limit, allowed_symbols, denied_symbols, changed_at) ON account',
        'SELECT (token_id, user_id, name, scopes, prefix, created_at, expires_at, revoked_at, last_used_at) ON api_token',
        'INSERT (user_id, name, scopes, sha256, prefix, expires_at) ON api_token',
        'UPDATE (revoked_at) ON api_token'];
    granted text;
BEGIN
    -- The key: "mbot" in ASCII, then 6.
    PERFORM pg_advisory_xact_lock(1835167604, 6);
    FOR attempt IN 1 .. attempts_max LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            END IF;
            IF NOT pg_has_role(current_user, role_name, may_become) THEN
                EXECUTE format('GRANT %I TO %I', role_name, current_user);
            END IF;
            EXIT;
        EXCEPTION
            -- A copy of this database on the same server has the same role: it was faster, or is at the same catalog row
            -- ("tuple concurrently updated").
            WHEN duplicate_object OR unique_violation OR internal_error THEN
                IF attempt = attempts_max THEN
                    RAISE;
                END IF;
        END;
    END LOOP;
    IF NOT has_schema_privilege(role_name, current_schema(), 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role_name);
    END IF;
    FOREACH granted IN ARRAY rights LOOP
        EXECUTE format('GRANT %s TO %I', granted, role_name);
    END LOOP;
    RETURN true;
EXCEPTION
    -- The caller may not make roles, or does not own the tables.
    WHEN insufficient_privilege THEN
        RETURN false;
END $$;

SELECT raise_user_wall();
