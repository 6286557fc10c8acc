-- What an operator sees of the last days: what each process counted minute by minute, how each engine's addresses stand at the venues, and
-- the last readiness reports.

-- A process's last minute. ``counts`` are what it counted since the sample before, by name (observability/minute.py); what was nothing
-- is left out, so a quiet minute is a short row.
CREATE TABLE process_sample (
    at                  timestamptz NOT NULL,
    process             text NOT NULL CHECK (length(process) BETWEEN 1 AND 64),
    kind                text NOT NULL CHECK (kind IN ('engine', 'api')),
    memory_bytes        bigint,
    memory_bound_bytes  bigint,
    connections         int,
    connections_usable  int,
    counts              jsonb NOT NULL DEFAULT '{}' CHECK (length(counts::text) <= 16384),
    PRIMARY KEY (at, process)
);

-- How one source address stands at one market, as one engine saw it some seconds ago.
CREATE TABLE market_standing (
    worker       int NOT NULL REFERENCES worker ON DELETE CASCADE,
    venue        text NOT NULL,
    environment  environment NOT NULL,
    egress       int NOT NULL,
    used         real NOT NULL,
    share        real NOT NULL,
    throttle     real NOT NULL,
    blocked_s    real NOT NULL,
    breaker      text NOT NULL CHECK (breaker IN ('closed', 'open', 'half_open')),
    read_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (worker, venue, environment, egress)
) WITH (fillfactor = 50);

-- The last reports of `marketbot readiness`, in both languages; the oldest leave as new ones come.
CREATE TABLE readiness_report (
    report_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at   timestamptz NOT NULL,
    kept_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    readiness    numeric NOT NULL CHECK (readiness BETWEEN 0 AND 1),
    ready        boolean NOT NULL,
    simulation   boolean NOT NULL,
    -- By language: the report as one object, and as one self-contained page.
    documents    jsonb NOT NULL CHECK (length(documents::text) <= 1048576),
    pages        jsonb NOT NULL CHECK (length(pages::text) <= 4194304)
);

-- The role of users' requests has no right on these, and no policy shows it anything.
ALTER TABLE process_sample ENABLE ROW LEVEL SECURITY;
ALTER TABLE market_standing ENABLE ROW LEVEL SECURITY;
ALTER TABLE readiness_report ENABLE ROW LEVEL SECURITY;
