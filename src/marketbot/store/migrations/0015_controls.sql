-- The audit trail: who did what to whom, from where. Rows are only added, each carries the digest of the one before it, so that a row
-- that was changed, removed or put in between by whoever got past the triggers is found (ADR 17).

CREATE TABLE audit_entry (
    -- Without gaps: the next number is taken under the chain's lock, not from a sequence.
    entry_id     bigint PRIMARY KEY CHECK (entry_id > 0),
    at           timestamptz NOT NULL,
    action       text NOT NULL CHECK (action ~ '^[a-z][a-z0-9_]{0,62}$'),
    actor_kind   text NOT NULL CHECK (actor_kind IN ('person', 'token', 'cli', 'system')),
    -- A person's or token's number, a command's system user; none for the installation's own token and for the system.
    actor_id     bigint,
    address      text CHECK (length(address) <= 64),
    subject_kind text NOT NULL CHECK (length(subject_kind) BETWEEN 1 AND 32),
    subject_id   text NOT NULL CHECK (length(subject_id) <= 128),
    -- Flat: numbers, texts, true and false. No secret, and nobody's name or address: these are erased where they stand.
    facts        jsonb NOT NULL CHECK (jsonb_typeof(facts) = 'object'),
    hash         bytea NOT NULL CHECK (length(hash) = 32)
);
CREATE INDEX audit_entry_by_action ON audit_entry (action, entry_id);
CREATE INDEX audit_entry_by_actor ON audit_entry (actor_kind, actor_id, entry_id);
CREATE INDEX audit_entry_by_subject ON audit_entry (subject_kind, subject_id, entry_id);
-- Times rise with the numbers, so this finds where a period begins.
CREATE INDEX audit_entry_by_time ON audit_entry (at, entry_id);

CREATE TRIGGER audit_entry_is_final BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_entry_is_kept BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Nobody but the owner reads it: the users' role has no right on it.
ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;

-- What a row's digest covers, as one text that says the same about the same row for ever.
CREATE FUNCTION audit_content(e audit_entry) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(e.entry_id, (extract(epoch FROM e.at) * 1000000)::bigint, e.action, e.actor_kind, e.actor_id, e.address,
                             e.subject_kind, e.subject_id, e.facts)::text
$$;

-- Add a row in the caller's transaction; return its number. With its owner's rights, for a user's own command is recorded too, under
-- the role that may neither read nor write this table. The lock is held until the commit: callers do this last.
CREATE FUNCTION record_audit(p_action text, p_actor_kind text, p_actor_id bigint, p_address text, p_subject_kind text,
                             p_subject_id text, p_facts jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    entry audit_entry;
    last_at timestamptz;
    last_hash bytea;
BEGIN
    -- The key: "mbot" in ASCII, then 13.
    PERFORM pg_advisory_xact_lock(1835167604, 13);
    SELECT e.entry_id + 1, e.at, e.hash INTO entry.entry_id, last_at, last_hash
    FROM audit_entry e ORDER BY e.entry_id DESC LIMIT 1;
    entry.entry_id := coalesce(entry.entry_id, 1);
    -- A clock that was set back does not break the order of times.
    entry.at := greatest(clock_timestamp(), last_at);
    entry.action := p_action;
    entry.actor_kind := p_actor_kind;
    entry.actor_id := p_actor_id;
    entry.address := p_address;
    entry.subject_kind := p_subject_kind;
    entry.subject_id := p_subject_id;
    entry.facts := p_facts;
    entry.hash := sha256(coalesce(last_hash, ''::bytea) || convert_to(audit_content(entry), 'UTF8'));
    INSERT INTO audit_entry SELECT entry.*;
    RETURN entry.entry_id;
END $$;

-- Commands of operators, and of users over what is theirs: what was asked, what it covered then, and when it took effect.
CREATE TABLE control_command (
    command_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text NOT NULL CHECK (kind IN ('halt', 'resume', 'close')),
    scope          switch_scope NOT NULL,
    key            text NOT NULL DEFAULT '',
    -- Of a close: this instrument alone.
    symbol         text,
    state          trading_state,
    reason         text NOT NULL DEFAULT '',
    -- Whose own command it is; none for an operator's.
    user_id        bigint REFERENCES app_user,
    accounts       int NOT NULL,
    open_positions int NOT NULL,
    queued_chunks  int NOT NULL,
    asked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((kind = 'close') = (state IS NULL)),
    CHECK ((scope = 'everything') = (key = ''))
);
CREATE INDEX control_command_recent ON control_command (asked_at);
CREATE POLICY own ON control_command USING (user_id = (SELECT request_user_id()));
ALTER TABLE control_command ENABLE ROW LEVEL SECURITY;

-- An engine has read the switches as they stand since a command.
CREATE TABLE control_ack (
    command_id  bigint NOT NULL REFERENCES control_command ON DELETE CASCADE,
    worker      int NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (command_id, worker)
);
ALTER TABLE control_ack ENABLE ROW LEVEL SECURITY;

-- A close by command goes the way of a close signal, one an instrument, whose accounts are the command's instead of a source's followers.
-- Without a foreign key, for that would have the whole table read; a command is never deleted.
ALTER TABLE signal ADD COLUMN command_id bigint;
CREATE INDEX signal_by_command ON signal (command_id) WHERE command_id IS NOT NULL;
CREATE INDEX signal_commanded ON signal (symbol, signal_id) WHERE command_id IS NOT NULL;
-- What such signals come from. Nobody can send by it.
ALTER TABLE source ADD COLUMN internal boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX source_internal ON source (internal) WHERE internal;

-- Whether a command covers an account. Keys of users and accounts are numbers in digits.
CREATE FUNCTION is_covered(p_scope switch_scope, p_key text, p_account bigint, p_user bigint, p_venue text, p_environment environment)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE p_scope
        WHEN 'environment' THEN p_environment::text = p_key
        WHEN 'venue' THEN p_venue = p_key
        WHEN 'user' THEN p_user = p_key::bigint
        WHEN 'account' THEN p_account = p_key::bigint
        ELSE true END
$$;

-- Have the positions closed that a scope covers now, and those that entries on their way become: one signal an instrument, in the
-- caller's transaction. No row comes back when the user named, or the one whose request this is, owns something else. With the owner's
-- rights, for a user may not write signals.
CREATE FUNCTION command_close(p_user bigint, p_scope switch_scope, p_key text, p_symbol text, p_reason text)
RETURNS TABLE (made_id bigint, covered_accounts int, covered_positions int, instruments int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    signals_max CONSTANT int := 10000;
    asking CONSTANT bigint := coalesce(p_user, request_user_id());
    desk bigint;
    symbols text[];
BEGIN
    IF asking <> request_user_id() OR asking IS NOT NULL AND NOT (
        CASE p_scope
            WHEN 'user' THEN p_key = asking::text
            WHEN 'account' THEN EXISTS (SELECT FROM account a WHERE a.account_id = p_key::bigint AND a.user_id = asking)
            ELSE false END)
    THEN
        RETURN;
    END IF;
    SELECT s.source_id INTO desk FROM source s WHERE s.internal;
    IF NOT FOUND THEN
        INSERT INTO source (name, kind, secret_sha256, enabled, internal)
        VALUES ('desk-' || left(md5(gen_random_uuid()::text), 8), 'webhook', sha256(gen_random_uuid()::text::bytea), false, true)
        ON CONFLICT DO NOTHING;
        SELECT s.source_id INTO desk FROM source s WHERE s.internal;
    END IF;
    WITH held AS (
        SELECT p.account_id, p.symbol FROM position p JOIN account a USING (account_id)
        WHERE p.protection <> 'closed' AND is_covered(p_scope, p_key, a.account_id, a.user_id, a.venue, a.environment)
          AND (p_scope <> 'instrument' OR p.symbol = p_key) AND (p_symbol IS NULL OR p.symbol = p_symbol)
    ), coming AS (
        SELECT g.symbol
        FROM (SELECT o.signal_id, o.symbol, o.action FROM signal o WHERE o.state <> 'settled' ORDER BY o.signal_id LIMIT signals_max) g
        JOIN intent i ON i.signal_id = g.signal_id AND i.state = 'queued'
        JOIN account a ON a.account_id = i.account_id
        WHERE g.action IN ('open_long', 'open_short')
          AND is_covered(p_scope, p_key, a.account_id, a.user_id, a.venue, a.environment)
          AND (p_scope <> 'instrument' OR g.symbol = p_key) AND (p_symbol IS NULL OR g.symbol = p_symbol)
          AND NOT EXISTS (SELECT FROM outcome o WHERE o.signal_id = i.signal_id AND o.account_id = i.account_id)
    )
    SELECT (SELECT count(DISTINCT h.account_id) FROM held h), (SELECT count(*) FROM held),
           ARRAY(SELECT h.symbol FROM held h UNION SELECT c.symbol FROM coming c ORDER BY 1)
    INTO covered_accounts, covered_positions, symbols;
    instruments := cardinality(symbols);
    INSERT INTO control_command (kind, scope, key, symbol, reason, user_id, accounts, open_positions, queued_chunks)
    VALUES ('close', p_scope, p_key, p_symbol, p_reason, asking, covered_accounts, covered_positions, 0)
    RETURNING command_id INTO made_id;
    INSERT INTO signal (source_id, dedup_key, action, symbol, body, command_id)
    SELECT desk, 'command:' || made_id || ':' || s, 'close_all', s, '', made_id FROM unnest(symbols) s;
    NOTIFY signal;
    RETURN NEXT;
END $$;

-- How far a close has come; no row for a command that is not the user's who is named, or whose request this is. With the owner's rights,
-- for a user sees a signal only once something was done about it.
CREATE FUNCTION close_progress(p_user bigint, p_command bigint)
RETURNS TABLE (signals bigint, unplanned bigint, unsettled bigint, exits bigint, denied bigint, closed bigint, gone bigint,
               last_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT g.signals, g.unplanned, g.unsettled, d.exits, d.denied, d.closed, d.gone, d.last_at
    FROM control_command c
    CROSS JOIN LATERAL (
        SELECT count(*) AS signals, count(*) FILTER (WHERE s.state = 'accepted') AS unplanned,
               count(*) FILTER (WHERE s.state <> 'settled') AS unsettled
        FROM signal s WHERE s.command_id = c.command_id) g
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE i.state = 'queued') AS exits, count(*) FILTER (WHERE i.state = 'denied') AS denied,
               count(*) FILTER (WHERE o.result = 'ordered') AS closed, count(*) FILTER (WHERE o.result <> 'ordered') AS gone,
               max(o.at) AS last_at
        FROM signal s JOIN intent i USING (signal_id) LEFT JOIN outcome o USING (signal_id, account_id)
        WHERE s.command_id = c.command_id) d
    WHERE c.command_id = p_command AND c.kind = 'close'
      AND (p_user IS NULL OR c.user_id = p_user) AND (request_user_id() IS NULL OR c.user_id = request_user_id())
$$;

-- What a caller's command was answered, so that the same command sent again is done once. Of the caller, not of the installation.
CREATE TABLE idempotency_key (
    caller         text NOT NULL CHECK (length(caller) <= 64),
    key            text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_sha256 bytea NOT NULL CHECK (length(request_sha256) = 32),
    -- None while it is being done.
    status         smallint,
    body           bytea,
    media_type     text,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (caller, key),
    CHECK ((status IS NULL) = (body IS NULL))
);
CREATE INDEX idempotency_key_old ON idempotency_key (created_at);
ALTER TABLE idempotency_key ENABLE ROW LEVEL SECURITY;

-- Functions that run with their owner's rights are for the users' role alone, besides the owner; by default everybody who can connect may
-- run them. The wall's rights are given anew whenever it is found missing, these too.
REVOKE EXECUTE ON FUNCTION record_audit(text, text, bigint, text, text, text, jsonb) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION command_close(bigint, switch_scope, text, text, text) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION close_progress(bigint, bigint) FROM PUBLIC;

ALTER FUNCTION raise_user_wall() RENAME TO raise_user_wall_before_controls;
CREATE FUNCTION raise_user_wall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    role_name CONSTANT text := (SELECT w.role_name FROM user_wall w);
BEGIN
    IF NOT raise_user_wall_before_controls() THEN
        RETURN false;
    END IF;
    EXECUTE format('GRANT EXECUTE ON FUNCTION record_audit(text, text, bigint, text, text, text, jsonb),'
                   ' command_close(bigint, switch_scope, text, text, text), close_progress(bigint, bigint) TO %I', role_name);
    EXECUTE format('GRANT SELECT ON control_command TO %I', role_name);
    RETURN true;
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN false;
END $$;

SELECT raise_user_wall();
