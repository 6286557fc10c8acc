-- What intake needs: the symbols that exist, and one statement that takes a signal exactly once.

-- Filled by the market-data worker from the venues' instrument lists; intake refuses what is not in it.
CREATE TABLE known_symbol (
    venue        text NOT NULL,
    environment  environment NOT NULL,
    symbol       text NOT NULL,
    PRIMARY KEY (venue, environment, symbol)
);

ALTER TABLE signal ADD COLUMN body_sha256 bytea;
CREATE INDEX signal_body ON signal (source_id, body_sha256, received_at);

-- Take a signal, or find the one it repeats. No row comes back when the source was disabled or its secret changed since the
-- caller looked.
--
-- p_key, when the sender named its signal, decides alone and for ever: UNIQUE (source_id, dedup_key). Otherwise two equal
-- bodies of a source within its window are one signal: an advisory lock on the body lets one look at a time, so the window is
-- counted from the first one's own time and has no bucket border that two repeats could straddle.
CREATE FUNCTION accept_signal(
    p_source bigint, p_secret bytea, p_key text, p_body_sha256 bytea, p_action signal_action, p_symbol text, p_strong boolean,
    p_price numeric, p_leverage numeric, p_sent_at timestamptz, p_body text)
RETURNS TABLE (accepted_id bigint, repeated boolean) LANGUAGE plpgsql AS $$
DECLARE
    body_lock CONSTANT int := 21321;
    window_s int;
    found_id bigint;
    stored_key text := 'key:' || p_key;
BEGIN
    SELECT s.dedup_window_s INTO window_s FROM source s
    WHERE s.source_id = p_source AND s.enabled AND s.secret_sha256 IS NOT DISTINCT FROM p_secret;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF p_key IS NULL THEN
        PERFORM pg_advisory_xact_lock(body_lock, hashtext(p_source::text || encode(p_body_sha256, 'hex')));
        SELECT g.signal_id INTO found_id FROM signal g
        WHERE g.source_id = p_source AND g.body_sha256 = p_body_sha256
          AND g.received_at > clock_timestamp() - make_interval(secs => window_s)
        ORDER BY g.received_at DESC LIMIT 1;
        IF FOUND THEN
            RETURN QUERY SELECT found_id, true;
            RETURN;
        END IF;
        stored_key := 'body:' || encode(p_body_sha256, 'hex') || ':' || (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    END IF;
    INSERT INTO signal (source_id, dedup_key, action, symbol, strong, price, leverage, sent_at, body, body_sha256)
    VALUES (p_source, stored_key, p_action, p_symbol, p_strong, p_price, p_leverage, p_sent_at, p_body, p_body_sha256)
    ON CONFLICT (source_id, dedup_key) DO NOTHING
    RETURNING signal_id INTO found_id;
    IF FOUND THEN
        NOTIFY signal;
        RETURN QUERY SELECT found_id, false;
    ELSE
        RETURN QUERY SELECT g.signal_id, true FROM signal g WHERE g.source_id = p_source AND g.dedup_key = stored_key;
    END IF;
END $$;
