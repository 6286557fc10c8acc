-- Channels: where users and the operator are told, by what means, in which language, and from which severity on. Beside notice_hook, which keeps
-- its one webhook an owner: a version that knows nothing of channels deletes and replaces its rows.

CREATE TYPE notice_severity AS ENUM ('info', 'warning', 'critical');

-- The same words as domain/notice.py; a test compares them.
CREATE FUNCTION notice_severity_of(notice text) RETURNS notice_severity IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN CASE
    WHEN notice = 'position_unprotected' THEN 'critical'::notice_severity
    WHEN notice IN ('position_protected', 'position_closed', 'entry_not_made', 'daily_summary', 'operator_summary')
        THEN 'info'::notice_severity
    ELSE 'warning'::notice_severity END;

CREATE TABLE notice_channel (
    channel_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- None: the operator.
    user_id       bigint REFERENCES app_user,
    -- An owner has five at most.
    place         smallint NOT NULL CHECK (place BETWEEN 1 AND 5),
    kind          text NOT NULL CHECK (kind IN ('webhook', 'telegram', 'email', 'discord', 'slack')),
    -- What people recognize it by: a host, a chat's name, an address with most of it hidden.
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 260),
    -- An address, or a chat's number; none until a chat is linked.
    target_sealed bytea,
    secret_sealed bytea CHECK ((kind = 'webhook') = (secret_sealed IS NOT NULL)),
    language      text NOT NULL DEFAULT 'pt-BR' CHECK (language IN ('pt-BR', 'en')),
    minimum       notice_severity NOT NULL DEFAULT 'warning',
    -- None: all of them.
    notices       text[] CHECK (cardinality(notices) BETWEEN 1 AND 32),
    -- Nothing goes to a chat or a mailbox before its holder has shown a code.
    confirmed_at  timestamptz,
    code_sha256   bytea CHECK (length(code_sha256) = 32),
    code_until    timestamptz,
    code_tries    smallint NOT NULL DEFAULT 0,
    -- Why the receiver will have no more of it; only what is critical is tried while this stands.
    failed        text CHECK (length(failed) <= 300),
    -- How much of its rate is used (domain/gcra.py), and until when its receiver asked to be left alone.
    tat_us        bigint NOT NULL DEFAULT 0,
    quiet_until   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (confirmed_at IS NULL OR target_sealed IS NOT NULL),
    CHECK ((code_sha256 IS NULL) = (code_until IS NULL))
);
CREATE UNIQUE INDEX notice_channel_of_user ON notice_channel (user_id, place);
CREATE UNIQUE INDEX notice_channel_of_operator ON notice_channel (place) WHERE user_id IS NULL;
CREATE UNIQUE INDEX notice_channel_code ON notice_channel (code_sha256) WHERE code_sha256 IS NOT NULL;

CREATE POLICY own ON notice_channel USING (user_id = (SELECT request_user_id()));
ALTER TABLE notice_channel ENABLE ROW LEVEL SECURITY;

-- What a channel is to be told. It waits until a message, which is a job, takes it, and goes with that job's row.
CREATE TABLE notice_item (
    item_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_id  bigint NOT NULL REFERENCES notice_channel ON DELETE CASCADE,
    notice      text NOT NULL,
    -- What was told once under a subject is not told again while this row is kept.
    subject     text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
    facts       jsonb NOT NULL DEFAULT '{}',
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- When it is looked at (again); held: it waits for a digest.
    due_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    held        boolean NOT NULL DEFAULT false,
    job_id      bigint REFERENCES job ON DELETE CASCADE,
    UNIQUE (channel_id, notice, subject)
);
CREATE INDEX notice_item_waiting ON notice_item (due_at, channel_id) WHERE job_id IS NULL;
CREATE INDEX notice_item_of_channel ON notice_item (channel_id) WHERE job_id IS NULL;
CREATE INDEX notice_item_of_job ON notice_item (job_id) WHERE job_id IS NOT NULL;
-- The role of users' requests has no right on it, and no policy shows it anything.
ALTER TABLE notice_item ENABLE ROW LEVEL SECURITY;

-- How far those who look for what happened have looked, and what the bot has read.
CREATE TABLE notice_look (
    name        text PRIMARY KEY,
    seen_until  timestamptz,
    next_update bigint NOT NULL DEFAULT 0
);

CREATE FUNCTION takes_notice(channel notice_channel, notice text) RETURNS boolean STABLE LANGUAGE sql AS $$
    SELECT channel.confirmed_at IS NOT NULL AND notice_severity_of(notice) >= channel.minimum
       AND (channel.notices IS NULL OR notice = ANY (channel.notices))
       AND (channel.failed IS NULL OR notice_severity_of(notice) = 'critical')
$$;

-- Have one channel told. ``at_once`` makes it a message of its own, now: nothing throttles, digests or delays it.
CREATE FUNCTION put_notice(to_channel bigint, of_notice text, of_subject text, of_facts jsonb, at_once boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    new_item bigint;
    new_job  bigint;
BEGIN
    INSERT INTO notice_item (channel_id, notice, subject, facts) VALUES (to_channel, of_notice, of_subject, of_facts)
    ON CONFLICT DO NOTHING RETURNING item_id INTO new_item;
    IF new_item IS NULL OR NOT at_once THEN
        RETURN;
    END IF;
    INSERT INTO job (kind, key, payload, max_attempts)
    VALUES ('tell', 'item ' || new_item, jsonb_build_object('channel_id', to_channel), 8) RETURNING job_id INTO new_job;
    UPDATE notice_item SET job_id = new_job WHERE item_id = new_item;
    NOTIFY job;
END $$;

CREATE OR REPLACE FUNCTION ask_notices(for_user_id bigint, notice text, subject text, facts jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO job (kind, key, payload, max_attempts)
    SELECT 'notice', notice || ':' || subject || ':' || h.hook_id,
           jsonb_build_object('hook_id', h.hook_id, 'notice', notice, 'at', clock_timestamp(), 'facts', facts), 8
    FROM notice_hook h WHERE h.user_id IS NULL OR h.user_id = for_user_id
    ON CONFLICT DO NOTHING;
    SELECT put_notice(c.channel_id, notice, subject, facts, notice_severity_of(notice) = 'critical')
    FROM notice_channel c WHERE (c.user_id IS NULL OR c.user_id = for_user_id) AND takes_notice(c, notice)
$$;

ALTER FUNCTION raise_user_wall() RENAME TO raise_user_wall_15;
CREATE FUNCTION raise_user_wall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    role_name CONSTANT text := (SELECT w.role_name FROM user_wall w);
BEGIN
    IF NOT raise_user_wall_15() THEN
        RETURN false;
    END IF;
    EXECUTE format('GRANT SELECT (channel_id, user_id, place, kind, name, language, minimum, notices, confirmed_at, code_sha256, code_until,'
                   ' code_tries, failed, created_at),'
                   ' INSERT (user_id, place, kind, name, target_sealed, secret_sealed, language, minimum, notices, confirmed_at, code_sha256,'
                   ' code_until),'
                   ' UPDATE (language, minimum, notices, confirmed_at, code_sha256, code_until, code_tries, failed), DELETE'
                   ' ON notice_channel TO %I', role_name);
    RETURN true;
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN false;
END $$;

SELECT raise_user_wall();
