"""``orders`` and ``positions``: the rows as they stand, over all users; the local operator's view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.settings import Settings

_ORDERS = """
SELECT o.signal_id, o.account_id, a.label, a.venue, a.environment::text, o.leg::text, o.attempt, o.symbol, o.side::text, o.qty,
       o.trigger_price, o.state::text, o.filled_qty, o.average_price, o.reason, o.code, o.client_order_id, o.venue_order_id,
       o.created_at, o.changed_at
FROM order_current o JOIN account a USING (account_id)
WHERE ($1::bigint IS NULL OR o.signal_id = $1) AND ($2::bigint IS NULL OR o.account_id = $2)
  AND (NOT $3 OR o.state IN ('submitted', 'unconfirmed', 'accepted', 'partially_filled'))
ORDER BY o.signal_id DESC, o.account_id, o.leg, o.attempt LIMIT $4
"""

_POSITIONS = """
SELECT p.account_id, a.label, a.venue, a.environment::text, p.symbol, p.side::text, p.qty, p.entry_price, p.stop_price,
       p.target_price, p.protection::text, p.signal_id, p.opened_at, p.protected_at, p.closed_at, p.closed_by, p.realized_pnl
FROM position p JOIN account a USING (account_id)
WHERE ($1::bigint IS NULL OR p.account_id = $1) AND ($2 OR p.protection <> 'closed')
ORDER BY p.opened_at DESC, p.account_id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    signal_id: int | None
    account_id: int | None
    unfinished: bool
    limit: int


@dataclass(frozen=True, slots=True)
class PositionFilter:
    account_id: int | None
    closed: bool
    limit: int


async def list_orders(output: Output, settings: Settings, wanted: OrderFilter) -> None:
    """Show orders, the latest signal's first."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = await store.connection.fetch(_ORDERS, wanted.signal_id, wanted.account_id, wanted.unfinished, wanted.limit)
    hidden = {"client_order_id", "venue_order_id", "created_at", "environment", "code", "attempt"}
    _show(output, "orders", [dict(row) for row in rows], hidden)


async def list_positions(output: Output, settings: Settings, wanted: PositionFilter) -> None:
    """Show positions, the latest first."""
    async with open_store(settings) as store:
        output.mark(store.profile)
        rows = await store.connection.fetch(_POSITIONS, wanted.account_id, wanted.closed, wanted.limit)
    hidden = {"protected_at", "environment"} | (set() if wanted.closed else {"closed_at", "closed_by", "realized_pnl"})
    _show(output, "positions", [dict(row) for row in rows], hidden)


def _show(output: Output, name: str, rows: list[dict[str, Any]], hidden: set[str]) -> None:
    """Show rows whole as JSON; a table leaves the ``hidden`` columns out and puts venue and environment into one."""
    columns = [column for column in rows[0] if column not in hidden] if rows else ["account_id"]
    cells = [[f"{row['venue']}/{row['environment']}" if column == "venue" else row[column] for column in columns] for row in rows]
    output.show({name: rows}, output.table(name.capitalize(), columns, cells))
