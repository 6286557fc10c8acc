-- The orders of which nobody knows, whether the chunk that sent them is open or done: a row appears with an order's move to unconfirmed and goes with
-- its next move. What is appended to order_event stays the truth; this spares reading all of it to find the few that are in doubt.
CREATE TABLE unconfirmed_order (
    account_id  bigint NOT NULL,
    signal_id   bigint NOT NULL,
    leg         leg NOT NULL,
    attempt     smallint NOT NULL,
    user_id     bigint NOT NULL,
    since       timestamptz NOT NULL,
    PRIMARY KEY (account_id, signal_id, leg, attempt)
);
CREATE INDEX unconfirmed_order_oldest ON unconfirmed_order (since);
CREATE POLICY own ON unconfirmed_order USING (user_id = (SELECT request_user_id()));
ALTER TABLE unconfirmed_order ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION note_unconfirmed_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'unconfirmed' THEN
        INSERT INTO unconfirmed_order (account_id, signal_id, leg, attempt, user_id, since)
        SELECT NEW.account_id, NEW.signal_id, NEW.leg, NEW.attempt, NEW.user_id, NEW.at
        WHERE NOT EXISTS (SELECT FROM order_event e WHERE e.signal_id = NEW.signal_id AND e.account_id = NEW.account_id
                          AND e.leg = NEW.leg AND e.attempt = NEW.attempt AND e.seq > NEW.seq)
        ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM unconfirmed_order u WHERE u.account_id = NEW.account_id AND u.signal_id = NEW.signal_id
                                          AND u.leg = NEW.leg AND u.attempt = NEW.attempt;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER order_event_in_doubt AFTER INSERT ON order_event FOR EACH ROW
    WHEN (NEW.state = 'unconfirmed' OR NEW.from_state = 'unconfirmed') EXECUTE FUNCTION note_unconfirmed_order();

-- What is in doubt already. The trigger's lock keeps writers out until this is committed.
INSERT INTO unconfirmed_order (account_id, signal_id, leg, attempt, user_id, since)
SELECT e.account_id, e.signal_id, e.leg, e.attempt, e.user_id, e.at FROM order_event e
WHERE e.state = 'unconfirmed'
  AND NOT EXISTS (SELECT FROM order_event l WHERE l.signal_id = e.signal_id AND l.account_id = e.account_id AND l.leg = e.leg
                  AND l.attempt = e.attempt AND l.seq > e.seq);
