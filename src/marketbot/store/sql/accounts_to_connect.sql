-- Accounts whose keys are to be proven, and ready ones that were changed after their leverage was last looked at.
SELECT a.account_id, a.user_id, a.venue, a.environment, a.egress, a.status = 'ready' AS ready, a.hedge_mode, a.leverage,
       ARRAY(SELECT DISTINCT i.symbol FROM follow f JOIN source s USING (source_id), unnest(s.instruments) AS i (symbol)
             WHERE f.account_id = a.account_id ORDER BY 1) AS symbols,
       coalesce(l.symbols, '{}') AS set_symbols, coalesce(l.leverages, '{}') AS set_leverages
FROM account a
LEFT JOIN LATERAL (SELECT array_agg(symbol ORDER BY symbol) AS symbols, array_agg(leverage ORDER BY symbol) AS leverages,
                          min(set_at) AS set_at
                   FROM leverage_setting WHERE account_id = a.account_id) l ON true
WHERE (a.status = 'connecting' OR (a.status = 'ready' AND l.set_at < a.changed_at)) AND a.account_id <> ALL ($1::bigint[])
  -- One whose key is still in its box has none yet.
  AND a.api_secret_sealed <> ''
  AND (a.venue || '/' || a.environment::text) = ANY ($2::text[])
  AND ($4::int[] IS NULL OR slot_of(a.egress, a.account_id, $5) = ANY ($4))
ORDER BY a.account_id
LIMIT $3
