"""What was done for a user: signals with their reasons, orders, positions, results. A page at a time, newest or lowest first.

Pages continue after a key that never changes (keyset), so a row is neither seen twice nor missed while others are written. An
intent stands in one of three partial indexes by user and time; the three are merged, each read no further than a page. What is joined to
a page never leaves a row of it out: a page that is short is the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from marketbot.domain.ids import AccountId, SignalId, UserId
from marketbot.domain.side import PositionSide
from marketbot.store.pool import Connection

LATEST = datetime(9999, 1, 1, tzinfo=UTC)
LAST_ID = 2**63 - 1


class IntentKey(NamedTuple):
    """A place in a user's intents, newest first."""

    planned_at: datetime = LATEST
    signal_id: int = LAST_ID
    account_id: int = LAST_ID


class PositionKey(NamedTuple):
    """A place in a user's positions, by account."""

    account_id: int = 0
    symbol: str = ""
    side: PositionSide = PositionSide.LONG


class ResultKey(NamedTuple):
    """A place in a user's results, newest first."""

    closed_at: datetime = LATEST
    account_id: int = LAST_ID
    symbol: str = ""
    side: PositionSide = PositionSide.LONG


ENTRIES = "state = 'queued' AND lane > 0"
EXITS = "state = 'queued' AND lane = 0"
DENIALS = "state = 'denied'"


def _newest(kinds: Iterable[str]) -> str:
    """Return a page of a user's intents of some kinds: $1 user, $2 to $4 the key they come after, $5 how many."""
    parts = [
        f"""
        (SELECT signal_id, account_id, user_id, lane, state, reason, detail, side, qty, stop_price, target_price, planned_at
         FROM intent WHERE user_id = $1 AND {kind} AND (planned_at, signal_id, account_id) < ($2, $3, $4)
         ORDER BY planned_at DESC, signal_id DESC, account_id DESC LIMIT $5)
        """
        for kind in kinds
    ]
    return " UNION ALL ".join(parts) + " ORDER BY planned_at DESC, signal_id DESC, account_id DESC LIMIT $5"


SIGNALS = f"""
WITH page AS MATERIALIZED ({_newest((ENTRIES, EXITS, DENIALS))})
SELECT i.signal_id, i.account_id, a.label, a.venue, a.environment::text, s.name AS source, g.action::text, g.symbol, g.strong,
       g.price, g.received_at, i.planned_at,
       CASE WHEN i.state = 'denied' THEN 'denied' ELSE coalesce(o.result::text, 'pending') END AS became,
       CASE WHEN i.state = 'denied' THEN i.reason ELSE o.reason END AS reason,
       CASE WHEN i.state = 'denied' THEN i.detail ELSE o.detail END AS detail,
       i.side::text, i.qty, i.stop_price, i.target_price, o.acked_ms, o.protected_ms
FROM page i
LEFT JOIN account a ON a.account_id = i.account_id AND a.user_id = $1
LEFT JOIN signal g ON g.signal_id = i.signal_id
LEFT JOIN source s ON s.source_id = g.source_id
LEFT JOIN outcome o ON o.signal_id = i.signal_id AND o.account_id = i.account_id AND o.user_id = $1
ORDER BY i.planned_at DESC, i.signal_id DESC, i.account_id DESC
"""

ORDERS = f"""
WITH page AS MATERIALIZED ({_newest((ENTRIES, EXITS))})
SELECT i.signal_id, i.account_id, a.label, a.venue, a.environment::text, i.planned_at, o.leg::text, o.attempt, o.symbol,
       o.side::text, o.qty, o.trigger_price, o.state::text, o.filled_qty, o.average_price, o.reason, o.code, o.detail,
       o.client_order_id, o.venue_order_id, o.created_at, o.changed_at
FROM page i
LEFT JOIN account a ON a.account_id = i.account_id AND a.user_id = $1
LEFT JOIN order_current o ON o.signal_id = i.signal_id AND o.account_id = i.account_id AND o.user_id = $1
ORDER BY i.planned_at DESC, i.signal_id DESC, i.account_id DESC, o.leg, o.attempt
"""

_POSITION = """
SELECT p.account_id, a.label, a.venue, a.environment::text, p.symbol, p.side::text, p.signal_id, p.protection::text, p.qty,
       p.entry_price, p.stop_price, p.target_price, p.opened_at, p.protected_at, p.closed_at, p.closed_by, p.realized_pnl,
       p.changed_at
FROM account a JOIN position p ON p.account_id = a.account_id AND p.user_id = $1 WHERE a.user_id = $1
"""
_POSITIONS = f"""{_POSITION} AND a.account_id >= $2 AND (p.account_id, p.symbol, p.side) > ($2, $3::text, $4::position_side)
"""
ONE_POSITION = f"{_POSITION} AND a.account_id = $2 AND p.symbol = $3 AND p.side = $4"
_BY_ACCOUNT = "ORDER BY p.account_id, p.symbol, p.side LIMIT $5"
OPEN_POSITIONS = f"{_POSITIONS} AND p.protection <> 'closed' {_BY_ACCOUNT}"
ALL_POSITIONS = f"{_POSITIONS} {_BY_ACCOUNT}"
HELD = f"""{_POSITION} AND p.protection <> 'closed'
  AND ($2::bigint IS NULL OR a.account_id = $2) AND ($3::text IS NULL OR p.symbol = $3)
ORDER BY p.account_id, p.symbol, p.side LIMIT $4
"""

RESULTS = """
SELECT r.account_id, a.label, a.venue, a.environment::text, r.symbol, r.side::text, r.signal_id, r.result, r.closed_at
FROM realized_result r LEFT JOIN account a ON a.account_id = r.account_id AND a.user_id = $1
WHERE r.user_id = $1 AND (r.closed_at, r.account_id, r.symbol, r.side) < ($2, $3, $4::text, $5::position_side)
ORDER BY r.closed_at DESC, r.account_id DESC, r.symbol DESC, r.side DESC LIMIT $6
"""


@dataclass(frozen=True, slots=True)
class SignalRow:
    """What became of one signal at one account of the user's. ``became``: denied, pending, ordered, rejected or lapsed."""

    signal_id: SignalId
    account_id: AccountId
    label: str | None
    venue: str | None
    environment: str | None
    source: str | None
    action: str | None
    symbol: str | None
    strong: bool | None
    price: Decimal | None
    received_at: datetime | None
    planned_at: datetime
    became: str
    reason: str | None
    detail: str | None
    side: str | None
    qty: Decimal | None
    stop_price: Decimal | None
    target_price: Decimal | None
    acked_ms: int | None
    protected_ms: int | None


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One leg's order, as it stands."""

    leg: str
    attempt: int
    symbol: str
    side: str
    qty: Decimal | None
    trigger_price: Decimal | None
    state: str
    filled_qty: Decimal | None
    average_price: Decimal | None
    reason: str | None
    code: str | None
    detail: str | None
    client_order_id: str
    venue_order_id: str | None
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class OrdersRow:
    """The orders of one signal at one account of the user's."""

    signal_id: SignalId
    account_id: AccountId
    label: str | None
    venue: str | None
    environment: str | None
    planned_at: datetime
    orders: list[OrderRow]


@dataclass(frozen=True, slots=True)
class PositionRow:
    account_id: AccountId
    label: str
    venue: str
    environment: str
    symbol: str
    side: str
    signal_id: SignalId | None
    protection: str
    qty: Decimal
    entry_price: Decimal
    stop_price: Decimal | None
    target_price: Decimal | None
    opened_at: datetime
    protected_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    realized_pnl: Decimal | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What a closed position gained or lost, before fees, in the quote currency."""

    account_id: AccountId
    label: str | None
    venue: str | None
    environment: str | None
    symbol: str
    side: str
    signal_id: SignalId | None
    result: Decimal
    closed_at: datetime


async def list_signals(connection: Connection, user_id: UserId, after: IntentKey, limit: int) -> list[SignalRow]:
    """Return what became of signals at the user's accounts, newest first."""
    return [SignalRow(**dict(row)) for row in await connection.fetch(SIGNALS, user_id, *after, limit)]


async def list_orders(connection: Connection, user_id: UserId, after: IntentKey, limit: int) -> list[OrdersRow]:
    """Return orders by signal and account, newest first; an element holds all legs and attempts of one."""
    found: list[OrdersRow] = []
    heads = ("signal_id", "account_id", "label", "venue", "environment", "planned_at")
    for row in await connection.fetch(ORDERS, user_id, *after, limit):
        values = dict(row)
        head = {name: values.pop(name) for name in heads}
        if not found or (found[-1].signal_id, found[-1].account_id) != (head["signal_id"], head["account_id"]):
            found.append(OrdersRow(**head, orders=[]))
        if values["leg"] is not None:
            found[-1].orders.append(OrderRow(**values))
    return found


async def list_positions(
    connection: Connection, user_id: UserId, after: PositionKey, limit: int, *, closed: bool
) -> list[PositionRow]:
    """Return positions by account, symbol and side; with ``closed`` those too that ended and may still cool down."""
    statement = ALL_POSITIONS if closed else OPEN_POSITIONS
    return [PositionRow(**dict(row)) for row in await connection.fetch(statement, user_id, *after, limit)]


async def list_held(
    connection: Connection, user_id: UserId, account_id: AccountId | None, symbol: str | None, limit: int
) -> list[PositionRow]:
    """Return the open positions that a close of one account, of one instrument or of both would be about; None narrows nothing."""
    return [PositionRow(**dict(row)) for row in await connection.fetch(HELD, user_id, account_id, symbol, limit)]


async def read_position(connection: Connection, user_id: UserId, key: PositionKey) -> PositionRow | None:
    """Return one position of the user's, open or not; None when there is none such."""
    row = await connection.fetchrow(ONE_POSITION, user_id, *key)
    return None if row is None else PositionRow(**dict(row))


async def list_results(connection: Connection, user_id: UserId, after: ResultKey, limit: int) -> list[ResultRow]:
    """Return realized results, newest first."""
    return [ResultRow(**dict(row)) for row in await connection.fetch(RESULTS, user_id, *after, limit)]
