-- Privacy: addresses out of the audit chain, so that they can go; erasures, asked for and done; who was erased.

-- From where an entry came. The chain holds a digest over salt and address in its place: as long as this row is there it proves the address,
-- and once it is gone, salt and all, nobody can find the address by trying all of them (ADR 18). No foreign key: the trail's own triggers
-- answer whoever would empty it.
CREATE TABLE audit_address (
    entry_id bigint PRIMARY KEY,
    salt     bytea NOT NULL CHECK (length(salt) = 16),
    address  text NOT NULL CHECK (length(address) <= 64),
    at       timestamptz NOT NULL
);
CREATE INDEX audit_address_by_time ON audit_address (at);
ALTER TABLE audit_address ENABLE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION record_audit(p_action text, p_actor_kind text, p_actor_id bigint, p_address text, p_subject_kind text,
                                        p_subject_id text, p_facts jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    entry audit_entry;
    last_at timestamptz;
    last_hash bytea;
    salt CONSTANT bytea := uuid_send(gen_random_uuid());
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
    entry.address := encode(sha256(salt || convert_to(p_address, 'UTF8')), 'hex');
    entry.subject_kind := p_subject_kind;
    entry.subject_id := p_subject_id;
    entry.facts := p_facts;
    entry.hash := sha256(coalesce(last_hash, ''::bytea) || convert_to(audit_content(entry), 'UTF8'));
    INSERT INTO audit_entry SELECT entry.*;
    IF p_address IS NOT NULL THEN
        INSERT INTO audit_address (entry_id, salt, address, at) VALUES (entry.entry_id, salt, p_address, entry.at);
    END IF;
    RETURN entry.entry_id;
END $$;

-- Somebody who was erased keeps their number, which the books name, and nothing else; they never come in again.
ALTER TABLE app_user ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT app_user_erased CHECK (erased_at IS NULL OR disabled_at IS NOT NULL);
ALTER TABLE person ADD COLUMN erased_at timestamptz,
    ADD CONSTRAINT person_erased CHECK (erased_at IS NULL OR disabled_at IS NOT NULL);

-- An erasure that was asked for, was taken back, or is done. Numbers and times alone: it is kept for ever.
CREATE TABLE erasure (
    erasure_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id    bigint REFERENCES person,
    -- Whose rows go too; staff have none, and a user who never logged in is no person.
    user_id      bigint REFERENCES app_user,
    asked_by     text NOT NULL CONSTRAINT erasure_asked_by CHECK (asked_by IN ('themselves', 'operator')),
    asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at       timestamptz NOT NULL,
    -- Although something is held at a venue: whoever asked was told what.
    forced       boolean NOT NULL,
    canceled_at  timestamptz,
    done_at      timestamptz,
    -- What was held when it was last tried: it waits for that, or, when it is done, has left it at the venues.
    positions    int NOT NULL DEFAULT 0,
    orders       int NOT NULL DEFAULT 0,
    tried_at     timestamptz,
    CHECK (person_id IS NOT NULL OR user_id IS NOT NULL),
    CHECK (canceled_at IS NULL OR done_at IS NULL)
);
CREATE UNIQUE INDEX erasure_open_of_person ON erasure (person_id) WHERE canceled_at IS NULL AND done_at IS NULL;
CREATE UNIQUE INDEX erasure_open_of_user ON erasure (user_id) WHERE canceled_at IS NULL AND done_at IS NULL;
CREATE INDEX erasure_by_person ON erasure (person_id, erasure_id);
CREATE INDEX erasure_due ON erasure (due_at) WHERE canceled_at IS NULL AND done_at IS NULL;
-- The role of users' requests has no right on it, and no policy shows it anything.
ALTER TABLE erasure ENABLE ROW LEVEL SECURITY;

-- A link that takes an erasure back.
ALTER TABLE one_time_link DROP CONSTRAINT one_time_link_kind,
    ADD CONSTRAINT one_time_link_kind CHECK (kind IN ('setup', 'reset_password', 'keep_person'));

-- Addresses of senders that were refused go before the refusals do.
CREATE INDEX refusal_addressed ON refusal (refused_at) WHERE address <> '';
