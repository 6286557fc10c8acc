-- Parameters are array literals (journal_rows.array).
-- One row an account, instrument and side, so a batch holds each at most once. A row that was closed begins a new position;
-- closing keeps what the position was. The last column is the exit's average price; with it a closing position's result, before
-- fees, is reckoned from its own row and kept in realized_result as well, since the row is used again.
WITH written AS (
    INSERT INTO position AS p (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price,
                               target_price, opened_at, protected_at, closed_at, closed_by, realized_pnl)
    SELECT account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price, target_price, opened_at,
           protected_at, closed_at, closed_by,
           CASE WHEN protection = 'closed' AND exit_price IS NOT NULL THEN (
               SELECT (n.exit_price - held.entry_price) * held.qty * CASE held.side WHEN 'long' THEN 1 ELSE -1 END
               FROM position held
               WHERE held.account_id = n.account_id AND held.symbol = n.symbol AND held.side = n.side
                 AND held.protection <> 'closed') END
    FROM unnest($1::text::bigint[], $2::text::text[], $3::text::position_side[], $4::text::bigint[], $5::text::bigint[],
                $6::text::protection_state[], $7::text::numeric[], $8::text::numeric[], $9::text::numeric[],
                $10::text::numeric[], $11::text::timestamptz[], $12::text::timestamptz[], $13::text::timestamptz[],
                $14::text::text[], $15::text::numeric[])
         AS n (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price, target_price, opened_at,
               protected_at, closed_at, closed_by, exit_price)
    ON CONFLICT (account_id, symbol, side) DO UPDATE SET
        protection   = excluded.protection,
        qty          = excluded.qty,
        signal_id    = CASE WHEN excluded.protection = 'closed' THEN p.signal_id ELSE excluded.signal_id END,
        entry_price  = CASE WHEN excluded.protection = 'closed' THEN p.entry_price ELSE excluded.entry_price END,
        stop_price   = coalesce(excluded.stop_price, p.stop_price),
        target_price = coalesce(excluded.target_price, p.target_price),
        opened_at    = CASE WHEN p.protection = 'closed' THEN excluded.opened_at ELSE p.opened_at END,
        protected_at = CASE WHEN excluded.protection = 'protected' THEN excluded.protected_at
                            WHEN p.protection = 'closed' THEN NULL ELSE p.protected_at END,
        closed_at    = CASE WHEN p.protection = 'closed' AND excluded.protection = 'closed' THEN p.closed_at
                            ELSE excluded.closed_at END,
        closed_by    = CASE WHEN p.protection = 'closed' AND excluded.protection = 'closed' THEN p.closed_by
                            ELSE excluded.closed_by END,
        realized_pnl = CASE WHEN p.protection = 'closed' AND excluded.protection = 'closed' THEN p.realized_pnl
                            ELSE excluded.realized_pnl END,
        changed_at   = clock_timestamp()
    RETURNING p.account_id, p.closed_at, p.symbol, p.side, p.user_id, p.signal_id, p.protection, p.realized_pnl)
INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, signal_id, result)
SELECT account_id, closed_at, symbol, side, user_id, signal_id, realized_pnl
FROM written
WHERE protection = 'closed' AND realized_pnl IS NOT NULL
ON CONFLICT DO NOTHING
