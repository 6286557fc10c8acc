-- The signals that opened what is still held.
SELECT DISTINCT signal_id FROM position WHERE protection <> 'closed' AND signal_id IS NOT NULL
