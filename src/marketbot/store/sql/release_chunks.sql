-- Chunks of workers that are gone: their session lock is free, or (their host died without a word) their lease is over.
UPDATE chunk c SET claimed_by = NULL, lease_until = NULL
WHERE c.done_at IS NULL AND c.claimed_by IS NOT NULL AND c.claimed_by <> $1
  AND (c.lease_until < now()
       OR NOT EXISTS (SELECT 1 FROM pg_locks l
                      WHERE l.locktype = 'advisory' AND l.classid = $2 AND l.objid = c.claimed_by AND l.objsubid = 2
                        AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))
RETURNING c.chunk_id
