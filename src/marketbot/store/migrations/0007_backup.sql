-- When backups were made, and from which one this database was restored, if it was.

-- One row an attempt. The latest good one says when the next is due, for every process and machine alike.
CREATE TABLE backup_run (
    backup_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    succeeded     boolean NOT NULL,
    -- The archive's name, or what went wrong.
    detail        text NOT NULL,
    bytes         bigint,
    CHECK (succeeded = (bytes IS NOT NULL))
);
CREATE INDEX backup_run_good ON backup_run (started_at) WHERE succeeded;

-- One row a restore. What the service did between the backup's point and the restore is not in these books, but it may be at the
-- venues: whatever belongs to a signal up to ``last_signal_id`` may have been sent by then.
CREATE TABLE restoration (
    restoration_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    restored_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    backup_name    text NOT NULL,
    backup_made_at timestamptz NOT NULL,
    last_signal_id bigint NOT NULL CHECK (last_signal_id >= 0)
);
CREATE TRIGGER restoration_is_final BEFORE UPDATE OR DELETE ON restoration
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Orders planned after a restore for a signal from before it have the ids that they had the first time. Their chunk begins with one
-- attempt behind it, so that whoever claims it looks each order up before sending it.
CREATE FUNCTION count_lost_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.attempts = 0 AND EXISTS (SELECT FROM restoration r WHERE r.last_signal_id >= NEW.signal_id) THEN
        NEW.attempts := 1;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER chunk_after_restore BEFORE INSERT ON chunk
    FOR EACH ROW EXECUTE FUNCTION count_lost_attempt();
