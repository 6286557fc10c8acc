-- People who log in, their sessions, and what lets somebody in once: invitations, links, recovery codes. Every secret stands here as a digest
-- of 256 (a recovery code: 80) random bits, as an argon2id hash (passwords), or sealed by the vault (what makes TOTP codes).

CREATE TABLE person (
    person_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email               text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    name                text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    role                text NOT NULL CONSTRAINT person_role CHECK (role IN ('admin', 'manager', 'operator', 'auditor', 'user')),
    -- Whose rows are theirs. Staff have none of their own.
    user_id             bigint REFERENCES app_user,
    password_hash       text NOT NULL CHECK (length(password_hash) BETWEEN 1 AND 300),
    password_changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    language            text NOT NULL DEFAULT 'pt-BR' CONSTRAINT person_language CHECK (language IN ('pt-BR', 'en')),
    time_zone           text NOT NULL DEFAULT 'UTC' CHECK (length(time_zone) BETWEEN 1 AND 64),
    email_confirmed_at  timestamptz,
    totp_sealed         bytea,
    totp_confirmed_at   timestamptz,
    -- The thirty seconds whose code was taken last: none is taken twice, nor one from before it.
    totp_step           bigint NOT NULL DEFAULT 0,
    failed_logins       int NOT NULL DEFAULT 0 CHECK (failed_logins >= 0),
    locked_until        timestamptz,
    disabled_at         timestamptz,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT person_user CHECK ((role = 'user') = (user_id IS NOT NULL)),
    CHECK (totp_confirmed_at IS NULL OR totp_sealed IS NOT NULL)
);
CREATE UNIQUE INDEX person_by_email ON person (lower(email));
CREATE UNIQUE INDEX person_by_user ON person (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX person_admin ON person (person_id) WHERE role = 'admin' AND disabled_at IS NULL;

CREATE TABLE login_session (
    session_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id        bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    sha256           bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Coarse: written at most once a minute.
    last_seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at       timestamptz NOT NULL CHECK (expires_at > created_at),
    revoked_at       timestamptz,
    address          text NOT NULL CHECK (length(address) <= 64),
    user_agent       text NOT NULL CHECK (length(user_agent) <= 200),
    -- When a code was shown in this session; none while it is owed, or where none is asked for.
    second_factor_at timestamptz
);
CREATE INDEX login_session_by_person ON login_session (person_id, session_id);
CREATE INDEX login_session_over ON login_session (expires_at);

-- Of an address there is one open invitation. Its digest is written when the link is made: by whoever is shown it, or when the mail goes out.
CREATE TABLE invitation (
    invitation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    role          text NOT NULL CONSTRAINT invitation_role CHECK (role IN ('admin', 'manager', 'operator', 'auditor', 'user')),
    language      text NOT NULL DEFAULT 'pt-BR' CONSTRAINT invitation_language CHECK (language IN ('pt-BR', 'en')),
    sha256        bytea UNIQUE CHECK (length(sha256) = 32),
    -- None: by a token, at the command line, or, with open sign-up, by themselves.
    invited_by    bigint REFERENCES person ON DELETE SET NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at    timestamptz NOT NULL CHECK (expires_at > created_at),
    revoked_at    timestamptz,
    accepted_at   timestamptz,
    person_id     bigint REFERENCES person ON DELETE SET NULL
);
CREATE UNIQUE INDEX invitation_open ON invitation (lower(email)) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitation_by_inviter ON invitation (invited_by) WHERE invited_by IS NOT NULL;
CREATE INDEX invitation_by_person ON invitation (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX invitation_over ON invitation (expires_at);

CREATE TABLE recovery_code (
    person_id bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    sha256    bytea NOT NULL CHECK (length(sha256) = 32),
    used_at   timestamptz,
    PRIMARY KEY (person_id, sha256)
);

CREATE TABLE one_time_link (
    link_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CONSTRAINT one_time_link_kind CHECK (kind IN ('setup', 'reset_password')),
    -- The link that makes the first admin is nobody's yet.
    person_id  bigint REFERENCES person ON DELETE CASCADE,
    sha256     bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    used_at    timestamptz,
    CHECK ((kind = 'setup') = (person_id IS NULL))
);
CREATE INDEX one_time_link_by_person ON one_time_link (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX one_time_link_setup ON one_time_link (kind) WHERE kind = 'setup' AND used_at IS NULL;
CREATE INDEX one_time_link_over ON one_time_link (expires_at);

-- The role of users' requests is given no right on any of these: who may log in is nobody's own row. With row-level security and no policy
-- a right that is given by mistake shows nothing.
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
ALTER TABLE login_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE one_time_link ENABLE ROW LEVEL SECURITY;
