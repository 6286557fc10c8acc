-- Put accounts of a chunk that belong to other executors into chunks of their own, with as many attempts as were made for them.
WITH left_in AS (
    UPDATE chunk SET account_ids = ARRAY(SELECT a FROM unnest(account_ids) AS u (a) WHERE a <> ALL ($3::bigint[]))
    WHERE chunk_id = $1 AND claimed_by = $2 AND done_at IS NULL
    RETURNING signal_id, lane, venue, environment, attempts, created_at)
INSERT INTO chunk (signal_id, lane, venue, environment, account_ids, attempts, for_worker, created_at)
SELECT k.signal_id, k.lane, k.venue, k.environment,
       ARRAY(SELECT m.account_id FROM unnest($3::bigint[], $4::int[]) AS m (account_id, for_worker)
             WHERE m.for_worker = w.for_worker ORDER BY 1),
       k.attempts - 1, nullif(w.for_worker, 0), k.created_at
FROM left_in k, (SELECT DISTINCT for_worker FROM unnest($4::int[]) AS u (for_worker)) AS w
