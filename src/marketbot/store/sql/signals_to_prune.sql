-- Old, settled, with nothing open of it: no chunk, and no position that it opened. One whose pruning has begun is always gone on with.
SELECT signal_id FROM signal s
WHERE s.state = 'settled' AND s.pruned_at IS NULL AND s.settled_at < now() - $1::interval
  AND (s.pruning_at IS NOT NULL OR s.signal_id <> ALL ($2::bigint[]))
  AND NOT EXISTS (SELECT 1 FROM chunk c WHERE c.signal_id = s.signal_id AND c.done_at IS NULL)
ORDER BY s.settled_at
LIMIT $3
