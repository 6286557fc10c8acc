-- A position that a person opened. A row of ours that is open is left alone.
INSERT INTO position AS p (account_id, user_id, symbol, side, signal_id, protection, qty, entry_price, stop_price, target_price,
                           opened_at)
VALUES ($1, $2, $3, $4, NULL, 'naked', $5, $6, $7, $8, clock_timestamp())
ON CONFLICT (account_id, symbol, side) DO UPDATE SET
    signal_id = NULL, protection = 'naked', qty = excluded.qty, entry_price = excluded.entry_price,
    stop_price = excluded.stop_price, target_price = excluded.target_price, opened_at = excluded.opened_at,
    protected_at = NULL, closed_at = NULL, closed_by = NULL, realized_pnl = NULL, changed_at = clock_timestamp()
WHERE p.protection = 'closed' AND p.user_id = excluded.user_id
