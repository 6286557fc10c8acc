-- What charts are drawn of: a day's results of each account, and how the prices of instruments went that accounts hold.

-- The sum of realized_result by account and day, so that "since the beginning" costs a row a day and not one a position. Days are
-- UTC's, as the venues count them.
CREATE TABLE result_day (
    user_id     bigint NOT NULL,
    account_id  bigint NOT NULL,
    day         date NOT NULL,
    result      numeric NOT NULL,
    closed      int NOT NULL CHECK (closed > 0),
    PRIMARY KEY (user_id, day, account_id)
) WITH (fillfactor = 80);
CREATE POLICY own ON result_day USING (user_id = (SELECT request_user_id()));
ALTER TABLE result_day ENABLE ROW LEVEL SECURITY;

-- A trigger, and not the journal's own statement: engines of the version before write results beside this one. One upsert a batch, in
-- the order of the key, so that two engines that write for the same accounts (one takes over from the other) wait and do not deadlock.
CREATE FUNCTION add_to_result_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO result_day AS d (user_id, account_id, day, result, closed)
    SELECT user_id, account_id, (closed_at AT TIME ZONE 'UTC')::date AS on_day, sum(result), count(*)
    FROM written GROUP BY 1, 2, 3 ORDER BY user_id, on_day, account_id
    ON CONFLICT (user_id, day, account_id) DO UPDATE SET result = d.result + excluded.result, closed = d.closed + excluded.closed;
    RETURN NULL;
END $$;
CREATE TRIGGER realized_result_by_day AFTER INSERT ON realized_result REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION add_to_result_day();

-- What was realized already. The trigger's lock keeps writers out until this is committed.
INSERT INTO result_day (user_id, account_id, day, result, closed)
SELECT user_id, account_id, (closed_at AT TIME ZONE 'UTC')::date, sum(result), count(*) FROM realized_result GROUP BY 1, 2, 3;

-- A minute of an instrument's price at one market, as an engine saw it once a second. Nobody's own: what is on it is public.
CREATE TABLE price_bar (
    venue        text NOT NULL,
    environment  environment NOT NULL,
    symbol       text NOT NULL,
    minute       timestamptz NOT NULL,
    open         numeric NOT NULL,
    high         numeric NOT NULL,
    low          numeric NOT NULL,
    close        numeric NOT NULL,
    PRIMARY KEY (venue, environment, symbol, minute),
    CHECK (low <= open AND low <= close AND high >= open AND high >= close)
) WITH (fillfactor = 80);
-- For its retention.
CREATE INDEX price_bar_age ON price_bar (minute);

ALTER FUNCTION raise_user_wall() RENAME TO raise_user_wall_19;
CREATE FUNCTION raise_user_wall() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    role_name CONSTANT text := (SELECT w.role_name FROM user_wall w);
BEGIN
    IF NOT raise_user_wall_19() THEN
        RETURN false;
    END IF;
    EXECUTE format('GRANT SELECT ON result_day, price_bar TO %I', role_name);
    RETURN true;
EXCEPTION
    WHEN insufficient_privilege THEN
        RETURN false;
END $$;

SELECT raise_user_wall();
