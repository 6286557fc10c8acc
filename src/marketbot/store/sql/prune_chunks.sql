-- The next page of the queue in the order it was written: what is done and old goes, what is not is passed over.
WITH page AS (SELECT chunk_id, signal_id, done_at, created_at FROM chunk WHERE chunk_id > $1 ORDER BY chunk_id LIMIT $3),
     gone AS (DELETE FROM chunk USING page
              WHERE chunk.chunk_id = page.chunk_id AND page.done_at < now() - $2::interval
                AND (SELECT s.state FROM signal s WHERE s.signal_id = page.signal_id) = 'settled'
              RETURNING 1)
SELECT (SELECT count(*) FROM gone) AS gone, max(chunk_id) AS last, coalesce(bool_or(created_at < now() - $2::interval), false) AS any_old
FROM page
