-- Several processes over one database: who lives, who acts for which accounts, and for whom a chunk is meant.

CREATE TABLE worker (
    worker      int PRIMARY KEY,
    roles       text[] NOT NULL,
    -- How its sessions are called, and which process it is: proof of its death where its machine can be looked at.
    instance    text NOT NULL,
    place       text NOT NULL,
    pid         int NOT NULL,
    started     text NOT NULL,
    -- The egress addresses that its machine can send from.
    egresses    int[] NOT NULL,
    draining    boolean NOT NULL DEFAULT false,
    -- When its present session with the server began, and its last sign of life. Compared with this server's clock alone.
    enlisted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- It has ended, or was taken for dead: from here on nothing that it writes counts.
    ended_at    timestamptz
) WITH (fillfactor = 50);
CREATE INDEX worker_alive ON worker (worker) WHERE ended_at IS NULL;

-- One row: who owns each slot of accounts, and who gets it next. The version changes with the arrays.
CREATE TABLE slot_map (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version     bigint NOT NULL DEFAULT 1,
    owners      int[] NOT NULL DEFAULT '{}',
    heirs       int[] NOT NULL DEFAULT '{}',
    CHECK (cardinality(owners) = cardinality(heirs))
);
INSERT INTO slot_map DEFAULT VALUES;

-- The slot of an account, as dispatch/ownership.py reckons it: sixteen to an address, an address that nobody has counts as the first.
CREATE FUNCTION slot_of(egress int, account_id bigint, egresses int) RETURNS int IMMUTABLE PARALLEL SAFE LANGUAGE sql
RETURN CASE WHEN egress BETWEEN 0 AND egresses - 1 THEN egress ELSE 0 END * 16 + (account_id % 16)::int;

-- What an owner knew of a slot when it handed it over: accounts that have been compared with their venue.
CREATE TABLE slot_handover (
    slot        int PRIMARY KEY,
    ensured     bigint[] NOT NULL,
    written_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The executor that owns a chunk's accounts; none means whoever claims it finds out.
ALTER TABLE chunk ADD COLUMN for_worker int;
-- A worker's life is its lease now, not each chunk's.
ALTER TABLE chunk DROP COLUMN lease_until;
