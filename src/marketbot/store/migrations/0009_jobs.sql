-- Work that no account's owner must do: rows with a due time, taken by any keeper. And what retention must remember of a signal.

CREATE TABLE job (
    job_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,62}$'),
    -- Of two open jobs of a kind with the same key there is only one: asking twice is asking once.
    key          text CHECK (length(key) BETWEEN 1 AND 200),
    payload      jsonb NOT NULL DEFAULT '{}',
    due_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Of a job that comes again; none means that it is done once.
    every        interval CHECK (every > interval '0'),
    attempts     int NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    max_attempts int NOT NULL CHECK (max_attempts > 0),
    -- The worker's life is the claim's lease: when it has ended, the job is free.
    claimed_by   int,
    claimed_at   timestamptz,
    -- What the last attempt died of.
    failed       text,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at      timestamptz,
    -- Given up: it waits for an operator.
    dead_at      timestamptz,
    CHECK (done_at IS NULL OR dead_at IS NULL),
    CHECK (claimed_by IS NULL OR (done_at IS NULL AND dead_at IS NULL)),
    CHECK (every IS NULL OR (key IS NOT NULL AND done_at IS NULL AND dead_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX job_due ON job (due_at) WHERE done_at IS NULL AND dead_at IS NULL;
CREATE UNIQUE INDEX job_open_key ON job (kind, key) WHERE done_at IS NULL AND dead_at IS NULL;
CREATE INDEX job_dead ON job (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX job_done ON job (done_at) WHERE done_at IS NOT NULL;

-- A signal's own row stays for ever, for its key decides whether a later one repeats it. When its accounts' rows go away, it says so: the
-- first is set before any of them goes, the second when none is left.
ALTER TABLE signal ADD COLUMN pruning_at timestamptz, ADD COLUMN pruned_at timestamptz;
CREATE INDEX signal_unpruned ON signal (settled_at) WHERE state = 'settled' AND pruned_at IS NULL;
