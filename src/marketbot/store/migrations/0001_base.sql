-- The truth. Rows that orders depend on are written before the wire; what venues answer is appended, never updated in bulk
-- (a batched UPDATE ... FROM unnest is planned backwards on a fresh table and costs forty times as much).

CREATE TYPE environment AS ENUM ('mainnet', 'testnet');
CREATE TYPE position_side AS ENUM ('long', 'short');
CREATE TYPE leg AS ENUM ('entry', 'stop_loss', 'take_profit', 'exit', 'emergency_exit');
CREATE TYPE order_state AS ENUM ('planned', 'submitted', 'unconfirmed', 'accepted', 'partially_filled', 'filled', 'canceled',
                                 'expired', 'rejected', 'lapsed');
CREATE TYPE signal_state AS ENUM ('accepted', 'planned', 'settled');
CREATE TYPE signal_action AS ENUM ('open_long', 'open_short', 'close_long', 'close_short', 'close_all');
CREATE TYPE intent_state AS ENUM ('denied', 'queued');
CREATE TYPE intent_result AS ENUM ('ordered', 'rejected', 'lapsed');
CREATE TYPE protection_state AS ENUM ('naked', 'protecting', 'protected', 'closing', 'closed');
CREATE TYPE trading_state AS ENUM ('active', 'reducing', 'halted');
CREATE TYPE switch_scope AS ENUM ('everything', 'environment', 'venue', 'instrument', 'user', 'account');
CREATE TYPE account_status AS ENUM ('connecting', 'ready', 'quarantined');

-- One row: what this database is for. A database belongs to one profile for ever.
CREATE TABLE installation (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    tag         text NOT NULL CHECK (tag ~ '^[0-9a-z]{6}$'),
    profile     text NOT NULL CHECK (profile IN ('live', 'simulation')),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are not changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER installation_is_final BEFORE UPDATE OR DELETE ON installation
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE policy (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    document    jsonb NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE app_user (
    user_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE source (
    source_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name              text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    kind              text NOT NULL CHECK (kind IN ('webhook', 'program')),
    -- SHA-256 of a webhook's secret; a program's HMAC key is sealed, for it must be read back.
    secret_sha256     bytea,
    sealed_hmac_key   bytea,
    enabled           boolean NOT NULL DEFAULT true,
    allowed_addresses cidr[] NOT NULL DEFAULT '{}',
    signals_per_hour  int NOT NULL DEFAULT 300 CHECK (signals_per_hour > 0),
    dedup_window_s    int NOT NULL DEFAULT 300 CHECK (dedup_window_s >= 0),
    instruments       text[] NOT NULL DEFAULT '{}',
    created_at        timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'webhook') = (secret_sha256 IS NOT NULL)),
    CHECK ((kind = 'program') = (sealed_hmac_key IS NOT NULL))
);

CREATE TABLE account (
    account_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id             bigint NOT NULL REFERENCES app_user,
    label               text NOT NULL,
    venue               text NOT NULL CHECK (venue ~ '^(binance|bybit|ccxt:[a-z0-9]+)$'),
    environment         environment NOT NULL DEFAULT 'testnet',
    api_key_sealed      bytea NOT NULL,
    api_secret_sealed   bytea NOT NULL,
    -- One key is connected once: the fingerprint is a keyed digest, so the key itself cannot be found from it.
    api_key_fingerprint bytea NOT NULL UNIQUE,
    egress              int NOT NULL DEFAULT 0 CHECK (egress >= 0),
    status              account_status NOT NULL DEFAULT 'connecting',
    status_reason       text,
    hedge_mode          boolean NOT NULL DEFAULT false,
    paused              boolean NOT NULL DEFAULT false,
    reduce_only         boolean NOT NULL DEFAULT false,
    -- Wishes; NULL means the policy's default. They are clamped where they are used.
    leverage            numeric,
    stop_multiplier     numeric,
    target_multiplier   numeric,
    position_size_pct   numeric,
    max_positions       int,
    cooldown_min        int,
    daily_loss_limit    numeric CHECK (daily_loss_limit > 0),
    allowed_symbols     text[],
    denied_symbols      text[] NOT NULL DEFAULT '{}',
    created_at          timestamptz NOT NULL DEFAULT now(),
    changed_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, label)
);
CREATE INDEX account_by_market ON account (venue, environment, account_id);

-- What changes often about an account, apart from what its owner set.
CREATE TABLE account_reading (
    account_id        bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    user_id           bigint NOT NULL REFERENCES app_user,
    wallet_balance    numeric NOT NULL CHECK (wallet_balance >= 0),
    available_balance numeric NOT NULL,
    read_at           timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE leverage_setting (
    account_id  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    user_id     bigint NOT NULL REFERENCES app_user,
    symbol      text NOT NULL,
    leverage    numeric NOT NULL,
    set_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, symbol)
);

CREATE TABLE follow (
    source_id   bigint NOT NULL REFERENCES source ON DELETE CASCADE,
    account_id  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    PRIMARY KEY (source_id, account_id)
);

CREATE TABLE switch (
    scope       switch_scope NOT NULL,
    key         text NOT NULL DEFAULT '',
    state       trading_state NOT NULL,
    reason      text NOT NULL DEFAULT '',
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key),
    CHECK ((scope = 'everything') = (key = ''))
);

CREATE TABLE signal (
    signal_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id     bigint NOT NULL REFERENCES source,
    dedup_key     text NOT NULL,
    action        signal_action NOT NULL,
    symbol        text NOT NULL,
    strong        boolean NOT NULL DEFAULT false,
    price         numeric CHECK (price > 0),
    leverage      numeric,
    sent_at       timestamptz,
    body          text NOT NULL,
    state         signal_state NOT NULL DEFAULT 'accepted',
    -- How far planning has come: the lane and the last account of the last page that was committed.
    plan_lane     smallint NOT NULL DEFAULT 0,
    plan_after    bigint NOT NULL DEFAULT 0,
    received_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    planned_at    timestamptz,
    settled_at    timestamptz,
    UNIQUE (source_id, dedup_key)
);
CREATE INDEX signal_open ON signal (signal_id) WHERE state <> 'settled';
CREATE INDEX signal_recent ON signal (source_id, received_at);

CREATE TABLE refusal (
    refusal_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id   bigint REFERENCES source,
    reason      text NOT NULL,
    detail      text NOT NULL DEFAULT '',
    address     text NOT NULL DEFAULT '',
    body_sha256 bytea,
    refused_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX refusal_recent ON refusal (refused_at);

-- Exactly one per (signal, account): an order to be placed, or a denial with its reason. The rows of the hot path (intent,
-- orders, order_event, outcome, position) carry no foreign keys: each would cost a look-up a row; the audit finds orphans.
CREATE TABLE intent (
    signal_id       bigint NOT NULL,
    account_id      bigint NOT NULL,
    user_id         bigint NOT NULL,
    lane            smallint NOT NULL CHECK (lane BETWEEN 0 AND 2),
    state           intent_state NOT NULL,
    reason          text,
    detail          text,
    side            position_side,
    qty             numeric,
    leverage        numeric,
    reference_price numeric,
    stop_price      numeric,
    target_price    numeric,
    planned_at      timestamptz NOT NULL,
    PRIMARY KEY (signal_id, account_id),
    CHECK ((state = 'denied') = (reason IS NOT NULL)),
    CHECK (state = 'denied' OR side IS NOT NULL),
    -- An entry carries both protective prices; an exit (lane 0) neither.
    CHECK (state = 'denied' OR lane = 0 OR (qty > 0 AND leverage > 0 AND stop_price > 0 AND target_price > 0)),
    CHECK (state = 'denied' OR lane = 0 OR (side = 'long' AND stop_price < target_price)
           OR (side = 'short' AND stop_price > target_price))
);
CREATE INDEX intent_by_user ON intent (user_id, planned_at) WHERE state = 'queued' AND lane > 0;
CREATE INDEX intent_by_account ON intent (account_id, signal_id);

-- The queue: a chunk is the accounts of one market that one worker takes at once.
CREATE TABLE chunk (
    chunk_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    signal_id    bigint NOT NULL REFERENCES signal,
    lane         smallint NOT NULL CHECK (lane BETWEEN 0 AND 2),
    venue        text NOT NULL,
    environment  environment NOT NULL,
    account_ids  bigint[] NOT NULL,
    attempts     int NOT NULL DEFAULT 0,
    claimed_by   bigint,
    lease_until  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_at   timestamptz,
    done_at      timestamptz,
    CHECK ((claimed_by IS NULL) = (lease_until IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX chunk_ready ON chunk (lane, chunk_id) WHERE done_at IS NULL AND claimed_by IS NULL;
CREATE INDEX chunk_claimed ON chunk (claimed_by) WHERE done_at IS NULL AND claimed_by IS NOT NULL;
CREATE INDEX chunk_open ON chunk (signal_id) WHERE done_at IS NULL;

CREATE SEQUENCE worker_number;

-- One row a leg and attempt, stored before the wire. The unique client order id is the authority on "sent once": venues
-- promise less (Binance keeps ids unique among open orders only).
CREATE TABLE orders (
    signal_id       bigint NOT NULL,
    account_id      bigint NOT NULL,
    leg             leg NOT NULL,
    attempt         smallint NOT NULL DEFAULT 0,
    user_id         bigint NOT NULL,
    client_order_id text NOT NULL UNIQUE,
    symbol          text NOT NULL,
    side            position_side NOT NULL,
    qty             numeric,
    trigger_price   numeric,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (signal_id, account_id, leg, attempt),
    CHECK ((leg IN ('stop_loss', 'take_profit')) = (trigger_price IS NOT NULL))
);
CREATE INDEX orders_by_account ON orders (account_id, created_at);

-- Append-only: every move of every order. ``seq`` orders them; an order's state is its last event's, or planned.
CREATE TABLE order_event (
    signal_id      bigint NOT NULL,
    account_id     bigint NOT NULL,
    leg            leg NOT NULL,
    attempt        smallint NOT NULL,
    seq            smallint NOT NULL,
    user_id        bigint NOT NULL,
    from_state     order_state NOT NULL,
    state          order_state NOT NULL,
    venue_order_id text,
    filled_qty     numeric,
    average_price  numeric,
    reason         text,
    code           text,
    detail         text,
    at             timestamptz NOT NULL,
    PRIMARY KEY (signal_id, account_id, leg, attempt, seq),
    CONSTRAINT order_event_edge CHECK ((from_state, state) IN (
        ('planned', 'submitted'), ('planned', 'lapsed'),
        ('submitted', 'accepted'), ('submitted', 'partially_filled'), ('submitted', 'filled'), ('submitted', 'canceled'),
        ('submitted', 'expired'), ('submitted', 'rejected'), ('submitted', 'unconfirmed'), ('submitted', 'planned'),
        ('submitted', 'lapsed'),
        ('unconfirmed', 'accepted'), ('unconfirmed', 'partially_filled'), ('unconfirmed', 'filled'),
        ('unconfirmed', 'canceled'), ('unconfirmed', 'expired'), ('unconfirmed', 'rejected'), ('unconfirmed', 'planned'),
        ('unconfirmed', 'lapsed'),
        ('accepted', 'partially_filled'), ('accepted', 'filled'), ('accepted', 'canceled'), ('accepted', 'expired'),
        ('accepted', 'rejected'),
        ('partially_filled', 'partially_filled'), ('partially_filled', 'filled'), ('partially_filled', 'canceled'),
        ('partially_filled', 'expired'),
        ('canceled', 'filled')))
);
CREATE UNIQUE INDEX order_event_final ON order_event (signal_id, account_id, leg, attempt)
    WHERE state IN ('filled', 'expired', 'rejected', 'lapsed');
CREATE TRIGGER order_event_is_final BEFORE UPDATE ON order_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Exactly one per queued intent, when its work is over. Times are milliseconds since the signal was received.
CREATE TABLE outcome (
    signal_id     bigint NOT NULL,
    account_id    bigint NOT NULL,
    user_id       bigint NOT NULL,
    result        intent_result NOT NULL,
    reason        text,
    detail        text,
    claimed_ms    int,
    sent_ms       int,
    acked_ms      int,
    protected_ms  int,
    attempts      smallint NOT NULL DEFAULT 1,
    at            timestamptz NOT NULL,
    PRIMARY KEY (signal_id, account_id),
    CHECK ((result = 'ordered') OR reason IS NOT NULL)
);

-- What each account holds, as last proven by its venue. One row an account, instrument and side; it lives on as ``closed``
-- for the cooldown.
CREATE TABLE position (
    account_id    bigint NOT NULL,
    symbol        text NOT NULL,
    side          position_side NOT NULL,
    user_id       bigint NOT NULL,
    -- The signal that opened it; NULL when a person did, at the venue.
    signal_id     bigint,
    protection    protection_state NOT NULL,
    qty           numeric NOT NULL CHECK (qty >= 0),
    entry_price   numeric NOT NULL,
    stop_price    numeric,
    target_price  numeric,
    opened_at     timestamptz NOT NULL,
    protected_at  timestamptz,
    closed_at     timestamptz,
    closed_by     text,
    realized_pnl  numeric,
    changed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, symbol, side),
    CHECK ((protection = 'closed') = (closed_at IS NOT NULL)),
    CHECK (protection <> 'protected' OR stop_price IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX position_open ON position (account_id) WHERE protection <> 'closed';
CREATE INDEX position_unprotected ON position (opened_at) WHERE protection IN ('naked', 'protecting', 'closing');

-- Append-only: what each closed position gained or lost, before fees. A position's own row is used again by the next one.
CREATE TABLE realized_result (
    account_id  bigint NOT NULL,
    closed_at   timestamptz NOT NULL,
    symbol      text NOT NULL,
    side        position_side NOT NULL,
    user_id     bigint NOT NULL,
    signal_id   bigint,
    result      numeric NOT NULL,
    PRIMARY KEY (account_id, closed_at, symbol, side)
);

-- A position's row may only move along the machine's edges.
CREATE FUNCTION check_protection_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.protection = NEW.protection OR (OLD.protection, NEW.protection) IN (
        ('naked', 'protecting'), ('naked', 'protected'), ('naked', 'closing'), ('naked', 'closed'),
        ('protecting', 'protected'), ('protecting', 'closing'), ('protecting', 'closed'),
        ('protected', 'naked'), ('protected', 'closing'), ('protected', 'closed'),
        ('closing', 'closed'), ('closing', 'protected'),
        ('closed', 'naked'), ('closed', 'protected'), ('closed', 'protecting')) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a position''s protection cannot go from % to %', OLD.protection, NEW.protection
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER position_edge BEFORE UPDATE OF protection ON position
    FOR EACH ROW WHEN (OLD.protection IS DISTINCT FROM NEW.protection) EXECUTE FUNCTION check_protection_edge();

CREATE VIEW order_current AS
    SELECT o.*, coalesce(e.state, 'planned') AS state, e.venue_order_id, e.filled_qty, e.average_price, e.reason, e.code,
           e.detail, coalesce(e.at, o.created_at) AS changed_at, coalesce(e.seq, 0) AS last_seq
    FROM orders o
    LEFT JOIN LATERAL (
        SELECT * FROM order_event v
        WHERE v.signal_id = o.signal_id AND v.account_id = o.account_id AND v.leg = o.leg AND v.attempt = o.attempt
        ORDER BY v.seq DESC LIMIT 1) e ON true;
