-- Make the imported accounts follow exactly the sources they name; accounts whose rows named none at all keep theirs. Whom an
-- account follows decides which leverage it needs, so a change counts as one of its settings.
WITH wanted AS (
    SELECT a.account_id, i.source_ids FROM imported_account i JOIN account a USING (user_id, label)
    WHERE i.source_ids IS NOT NULL),
gone AS (
    DELETE FROM follow f USING wanted w WHERE f.account_id = w.account_id AND f.source_id <> ALL (w.source_ids)
    RETURNING f.account_id),
added AS (
    INSERT INTO follow (source_id, account_id) SELECT unnest(source_ids), account_id FROM wanted ON CONFLICT DO NOTHING
    RETURNING account_id)
UPDATE account SET changed_at = clock_timestamp()
WHERE account_id IN (SELECT account_id FROM gone UNION SELECT account_id FROM added)
RETURNING account_id
