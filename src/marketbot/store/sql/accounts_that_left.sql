-- Of these accounts, those that nothing more is to be done for: their owners paused them, or they are shut or gone, and they hold nothing.
SELECT k.account_id
FROM unnest($1::bigint[]) AS k (account_id)
LEFT JOIN account a USING (account_id)
WHERE (a.account_id IS NULL OR a.paused OR a.status = 'quarantined')
  AND NOT EXISTS (SELECT 1 FROM position p WHERE p.account_id = k.account_id AND p.protection <> 'closed')
