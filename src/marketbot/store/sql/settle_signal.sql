-- Asked after a chunk's end is committed, so of two that end at the same moment the later one sees both.
UPDATE signal s SET state = 'settled', settled_at = clock_timestamp()
WHERE s.signal_id = $1 AND s.state = 'planned'
  AND NOT EXISTS (SELECT FROM chunk c WHERE c.signal_id = s.signal_id AND c.done_at IS NULL)
