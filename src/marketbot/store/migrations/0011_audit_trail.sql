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
