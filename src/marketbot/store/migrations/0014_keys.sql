-- Envelope encryption of accounts' keys, the boxes by which users hand keys to the engines, and what is known of each key.

-- A user's data keys, wrapped by a key-encryption key that only engines and the operator's command line hold. The current one seals; a
-- retired one is there for as long as something is sealed by it.
CREATE TABLE data_key (
    key_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES app_user,
    kek_id       text NOT NULL CHECK (length(kek_id) BETWEEN 1 AND 64),
    wrapped      bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    rewrapped_at timestamptz,
    retired_at   timestamptz
);
CREATE UNIQUE INDEX data_key_current ON data_key (user_id) WHERE retired_at IS NULL;
CREATE INDEX data_key_by_user ON data_key (user_id);
CREATE INDEX data_key_by_kek ON data_key (kek_id);

-- The pair that boxes are sealed to. The public half is sealed by the vault, which the API opens: whoever can write to this table alone
-- cannot have users' keys sealed to a half of theirs.
CREATE TABLE box_key (
    box_key_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_sealed   bytea NOT NULL,
    kek_id          text NOT NULL CHECK (length(kek_id) BETWEEN 1 AND 64),
    private_wrapped bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at      timestamptz
);

-- A key on its way from a user to an engine, one an account. The engine opens it, seals it under the user's data key, and deletes the row.
CREATE TABLE key_box (
    account_id    bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    user_id       bigint NOT NULL REFERENCES app_user,
    box_key_id    bigint NOT NULL REFERENCES box_key,
    sealed        bytea NOT NULL CHECK (length(sealed) BETWEEN 1 AND 32768),
    fingerprint   bytea NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
    requested_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX key_box_by_user ON key_box (user_id);

-- What the venue said of an account's key when it was last asked, and when its owner last asked us to ask.
CREATE TABLE key_check (
    account_id     bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    user_id        bigint NOT NULL REFERENCES app_user,
    asked_at       timestamptz,
    checked_at     timestamptz,
    -- A reason of domain/key_reason.py; none means that all is well.
    code           text,
    facts          jsonb NOT NULL DEFAULT '{}',
    ip_restricted  boolean,
    expires_at     timestamptz,
    -- The last warning given before that expiry, in days.
    warned_days    int
) WITH (fillfactor = 70);
CREATE INDEX key_check_expiring ON key_check (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX key_check_asked ON key_check (account_id) WHERE asked_at IS NOT NULL;

-- An account without a key is sealed as nothing. ``status_code`` is the reason that its owner reads in their language, ``status_reason``
-- the same in English. A disconnected account is quarantined for whoever does not know better.
ALTER TABLE account
    ALTER api_key_sealed SET DEFAULT '',
    ALTER api_secret_sealed SET DEFAULT '',
    ADD COLUMN api_passphrase_sealed bytea,
    ADD COLUMN status_code text,
    ADD COLUMN status_facts jsonb,
    ADD COLUMN disconnected_at timestamptz;

-- What a worker can open: 1 the vault's values alone, 2 those of data keys too. Nothing is sealed anew while one of the former lives.
ALTER TABLE worker ADD COLUMN opens int NOT NULL DEFAULT 1;

-- The data key that a value was sealed by; NULL for one that the vault sealed, and for nothing.
CREATE FUNCTION data_key_of(sealed bytea) RETURNS bigint IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
RETURN CASE WHEN length(sealed) > 9 AND get_byte(sealed, 0) = 2
            THEN ('x' || encode(substring(sealed FROM 2 FOR 8), 'hex'))::bit(64)::bigint END;

-- Why a key may not be connected to an account (none: to a new one): another account has it already, anybody's, or it was revoked. A user
-- sees their own rows alone, and of no key its fingerprint.
CREATE FUNCTION key_objection(key_fingerprint bytea, for_account_id bigint) RETURNS text STABLE LANGUAGE sql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM account WHERE api_key_fingerprint = key_fingerprint AND status_code = 'KEY_REVOKED') THEN 'revoked'
        WHEN EXISTS (SELECT FROM account WHERE api_key_fingerprint = key_fingerprint AND account_id IS DISTINCT FROM for_account_id)
          OR EXISTS (SELECT FROM key_box WHERE fingerprint = key_fingerprint AND account_id IS DISTINCT FROM for_account_id) THEN 'taken'
    END
$$;

-- The way out with the fewest accounts of a market, the first of several.
CREATE FUNCTION least_used_egress(at_venue text, at_environment environment, egresses int) RETURNS int STABLE LANGUAGE sql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT n FROM generate_series(0, greatest(egresses, 1) - 1) AS n
    LEFT JOIN (SELECT egress, count(*) AS accounts FROM account
               WHERE venue = at_venue AND environment = at_environment GROUP BY 1) used ON used.egress = n
    ORDER BY coalesce(used.accounts, 0), n LIMIT 1
$$;

-- Take an account's key away for good, with what is on its way to it: its books stay. A user's request reaches its own accounts alone.
CREATE FUNCTION wipe_key(of_user_id bigint, of_account_id bigint, code text, reason text) RETURNS boolean LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF of_user_id IS DISTINCT FROM coalesce(request_user_id(), of_user_id) THEN
        RETURN false;
    END IF;
    DELETE FROM key_box WHERE account_id = of_account_id AND user_id = of_user_id;
    UPDATE account SET api_key_sealed = '', api_secret_sealed = '', api_passphrase_sealed = NULL, status = 'quarantined',
        status_code = code, status_reason = reason, status_facts = '{}', changed_at = clock_timestamp()
    WHERE account_id = of_account_id AND user_id = of_user_id;
    RETURN FOUND;
END $$;

-- The same for an account that its owner wants no more: it follows nothing, and its key may be connected again elsewhere.
CREATE FUNCTION disconnect_account(of_user_id bigint, of_account_id bigint, code text, reason text) RETURNS boolean LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT wipe_key(of_user_id, of_account_id, code, reason) THEN
        RETURN false;
    END IF;
    DELETE FROM follow WHERE account_id = of_account_id;
    UPDATE account SET disconnected_at = clock_timestamp(), api_key_fingerprint = uuid_send(gen_random_uuid())
    WHERE account_id = of_account_id AND user_id = of_user_id;
    RETURN true;
END $$;

-- Have a quarantined account's key proven again.
CREATE FUNCTION retry_account(of_user_id bigint, of_account_id bigint) RETURNS boolean LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE account SET status = 'connecting', status_reason = NULL, status_code = NULL, status_facts = NULL,
        changed_at = clock_timestamp()
    WHERE account_id = of_account_id AND user_id = of_user_id AND of_user_id = coalesce(request_user_id(), of_user_id)
      AND status = 'quarantined' AND disconnected_at IS NULL AND api_secret_sealed <> '';
    RETURN FOUND;
END $$;

-- They act with their owner's rights, so they are for the wall's role alone.
REVOKE EXECUTE ON FUNCTION key_objection(bytea, bigint), least_used_egress(text, environment, int), retry_account(bigint, bigint),
    wipe_key(bigint, bigint, text, text), disconnect_account(bigint, bigint, text, text) FROM PUBLIC;

CREATE POLICY own ON key_box USING (user_id = (SELECT request_user_id()));
CREATE POLICY own ON key_check USING (user_id = (SELECT request_user_id()));
ALTER TABLE key_box ENABLE ROW LEVEL SECURITY;
ALTER TABLE key_check ENABLE ROW LEVEL SECURITY;

ALTER FUNCTION raise_user_wall() RENAME TO raise_user_wall_10;
CREATE FUNCTION raise_user_wall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    role_name CONSTANT text := (SELECT w.role_name FROM user_wall w);
    -- A user connects accounts and takes keys away; no right reads anything sealed.
    rights CONSTANT text[] := ARRAY[
        'SELECT (account_id, user_id, requested_at) ON key_box',
        'INSERT (account_id, user_id, box_key_id, sealed, fingerprint), DELETE ON key_box',
        'SELECT (account_id, user_id, asked_at, checked_at, code, facts, ip_restricted, expires_at) ON key_check',
        'INSERT (account_id, user_id, asked_at), UPDATE (asked_at) ON key_check',
        'SELECT (box_key_id, public_sealed, retired_at) ON box_key',
        'SELECT (status_code, status_facts, disconnected_at) ON account',
        'INSERT (user_id, label, venue, environment, api_key_fingerprint, egress) ON account',
        'INSERT (source_id, account_id) ON follow',
        'EXECUTE ON FUNCTION key_objection(bytea, bigint), least_used_egress(text, environment, int), retry_account(bigint, bigint),'
        ' disconnect_account(bigint, bigint, text, text)'];
    granted text;
BEGIN
    IF NOT raise_user_wall_10() THEN
        RETURN false;
    END IF;
    FOREACH granted IN ARRAY rights LOOP
        EXECUTE format('GRANT %s TO %I', granted, role_name);
    END LOOP;
    RETURN true;
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN false;
END $$;

SELECT raise_user_wall();
