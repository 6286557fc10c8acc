-- Signals whose last chunk ended before planning did, or whose worker died between the chunk's end and the signal's.
UPDATE signal s SET state = 'settled', settled_at = clock_timestamp()
WHERE s.state = 'planned' AND NOT EXISTS (SELECT 1 FROM chunk c WHERE c.signal_id = s.signal_id AND c.done_at IS NULL)
