-- Signals whose last chunks were finished at the same moment by two workers, or that had no chunk left when planning ended.
UPDATE signal s SET state = 'settled', settled_at = clock_timestamp()
WHERE s.state = 'planned' AND NOT EXISTS (SELECT 1 FROM chunk c WHERE c.signal_id = s.signal_id AND c.done_at IS NULL)
