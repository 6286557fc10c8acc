-- Passkeys (WebAuthn): a public key that its holder's device proves to have the other half of. Nothing here opens anything.

CREATE TABLE passkey (
    passkey_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id     bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    credential_id bytea NOT NULL UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
    public_key    bytea NOT NULL CHECK (length(public_key) BETWEEN 1 AND 2048),
    -- It only rises, where the device counts at all; one that comes back is a copy's.
    sign_count    bigint NOT NULL DEFAULT 0 CHECK (sign_count >= 0),
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at  timestamptz
);
CREATE INDEX passkey_by_person ON passkey (person_id, passkey_id);
ALTER TABLE passkey ENABLE ROW LEVEL SECURITY;

-- What a device is asked to sign: once, and within minutes. One that registers is its session's.
CREATE TABLE passkey_challenge (
    challenge  bytea PRIMARY KEY CHECK (length(challenge) = 32),
    session_id bigint REFERENCES login_session ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_challenge_over ON passkey_challenge (expires_at);
CREATE INDEX passkey_challenge_of_session ON passkey_challenge (session_id) WHERE session_id IS NOT NULL;
ALTER TABLE passkey_challenge ENABLE ROW LEVEL SECURITY;
