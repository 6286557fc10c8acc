"""Commands over the desk: written down with what they covered, acknowledged by the engines, and followed until they took effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from marketbot.domain.ids import Symbol, UserId
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.store.pool import Connection, Pool

ACKNOWLEDGED_FOR_S = 60.0
"""How long engines look back for commands that they have not acknowledged: numbers may be committed out of their order."""
ACKS_AT_ONCE = 100
SIGNALS_LOOKED_AT = 1_000
"""The latest signals among which entries that were sent after a halt are looked for."""

_WRITE = """
INSERT INTO control_command (kind, scope, key, state, reason, accounts, open_positions, queued_chunks)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING command_id
"""
_CLOSE = "SELECT made_id, covered_accounts, covered_positions, instruments FROM command_close($1, $2, $3, $4, $5)"
_UNSEEN = """
SELECT c.command_id FROM control_command c
WHERE c.asked_at > clock_timestamp() - make_interval(secs => $2) AND c.kind <> 'close'
  AND NOT EXISTS (SELECT FROM control_ack k WHERE k.command_id = c.command_id AND k.worker = $1)
ORDER BY c.asked_at LIMIT $3
"""
_ACKNOWLEDGE = """
INSERT INTO control_ack (command_id, worker) SELECT unnest($2::bigint[]), $1 ON CONFLICT DO NOTHING
"""
_COLUMNS = "command_id, kind, scope, key, symbol, state, reason, user_id, accounts, open_positions, queued_chunks, asked_at"
_READ = f"SELECT {_COLUMNS} FROM control_command WHERE command_id = $1"
_READ_OWN = f"SELECT {_COLUMNS} FROM control_command WHERE command_id = $1 AND user_id = $2"
_LIST = f"SELECT {_COLUMNS} FROM control_command WHERE command_id < $1 ORDER BY command_id DESC LIMIT $2"
_PERIOD = f"SELECT {_COLUMNS} FROM control_command WHERE asked_at >= $1 AND asked_at < $2 ORDER BY command_id DESC LIMIT $3"
# Those that plan or send and lived when it was asked for: whoever began later read the switches as they stood then, and a keeper sends
# nothing.
_EFFECT = """
SELECT count(*) AS engines, count(k.worker) AS acknowledged, max(k.at) AS last_at,
       count(*) FILTER (WHERE k.worker IS NULL AND w.ended_at IS NULL) AS waiting
FROM control_command c
JOIN worker w ON w.enlisted_at <= c.asked_at AND (w.ended_at IS NULL OR w.ended_at > c.asked_at)
             AND w.roles && ARRAY['planner', 'executor']
LEFT JOIN control_ack k ON k.command_id = c.command_id AND k.worker = w.worker
WHERE c.command_id = $1
"""
_LAST_ENTRY = """
SELECT max(g.received_at + make_interval(secs => o.sent_ms / 1000.0)) AS sent_at
FROM control_command c
CROSS JOIN LATERAL (SELECT s.signal_id, s.symbol, s.received_at, s.settled_at, s.action FROM signal s
                    ORDER BY s.signal_id DESC LIMIT $2) g
JOIN intent i ON i.signal_id = g.signal_id AND i.lane > 0 AND i.state = 'queued'
JOIN outcome o ON o.signal_id = i.signal_id AND o.account_id = i.account_id
JOIN account a ON a.account_id = i.account_id
WHERE c.command_id = $1 AND (g.settled_at IS NULL OR g.settled_at >= c.asked_at)
  AND is_covered(c.scope, c.key, a.account_id, a.user_id, a.venue, a.environment)
  AND (c.scope <> 'instrument' OR g.symbol = c.key)
  AND g.received_at + make_interval(secs => o.sent_ms / 1000.0) > c.asked_at
"""
_CLOSES = "SELECT signals, unplanned, unsettled, exits, denied, closed, gone, last_at FROM close_progress($1, $2)"
_HELD = """
SELECT count(DISTINCT p.account_id)::int AS accounts, count(*)::int AS positions, coalesce(sum(p.qty * p.entry_price), 0) AS notional
FROM position p JOIN account a USING (account_id)
WHERE p.protection <> 'closed' AND is_covered($1, $2, a.account_id, a.user_id, a.venue, a.environment)
  AND ($1 <> 'instrument' OR p.symbol = $2) AND ($3::text IS NULL OR p.symbol = $3)
"""


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it was asked for, and what it covered then."""

    command_id: int
    kind: str
    scope: Scope
    key: str
    symbol: str | None
    state: TradingState | None
    reason: str
    user_id: int | None
    accounts: int
    open_positions: int
    queued_chunks: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class CloseMade:
    """A close that was written down; ``signals`` is one an instrument."""

    command_id: int
    accounts: int
    open_positions: int
    signals: int


@dataclass(frozen=True, slots=True)
class Effect:
    """When a halt or resume took effect. ``effective_at`` is None while an engine that lives has not read it.

    ``last_entry_sent_at`` is the last entry of the scope that left after it was asked for; None when none did.
    """

    engines: int
    acknowledged: int
    waiting: int
    effective_at: datetime | None
    took_ms: int | None
    last_entry_sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class CloseProgress:
    """How far a close has come: ``closed`` by an order of ours, ``gone`` without one, ``denied`` for a reason of the account's."""

    signals: int
    unplanned: int
    exits: int
    denied: int
    closed: int
    gone: int
    done: bool
    took_ms: int | None


async def write_switch(
    connection: Connection, scope: Scope, key: str, state: TradingState, reason: str, covered: tuple[int, int, int]
) -> int:
    """Write a halt or a resume down in the transaction that makes it; return its number. ``covered`` is what the switchboard counted."""
    kind = "resume" if state is TradingState.ACTIVE else "halt"
    number: int = await connection.fetchval(_WRITE, kind, scope.value, key, state.value, reason, *covered)
    return number


async def write_close(
    connection: Connection, user_id: UserId | None, scope: Scope, key: str, symbol: Symbol | None, reason: str
) -> CloseMade | None:
    """Have what is held in a scope closed, in the caller's transaction; None when ``user_id`` is given and owns something else.

    Asking twice is harmless: an exit is reduce-only, and a position that is gone lapses.
    """
    row = await connection.fetchrow(_CLOSE, user_id, scope.value, key, symbol, reason)
    return None if row is None else CloseMade(*row)


async def unseen_commands(pool: Pool, worker: int) -> list[int]:
    """Return the latest switching commands that this engine has not acknowledged. Ask before the switches are read."""
    rows = await pool.fetch(_UNSEEN, worker, ACKNOWLEDGED_FOR_S, ACKS_AT_ONCE)
    return [row["command_id"] for row in rows]


async def acknowledge(pool: Pool, worker: int, commands: Sequence[int]) -> None:
    """Say that this engine goes by the switches as these commands left them."""
    await pool.execute(_ACKNOWLEDGE, worker, list(commands))


async def read_command(connection: Connection, command_id: int) -> Command | None:
    row = await connection.fetchrow(_READ, command_id)
    return None if row is None else _command(row)


async def read_own_command(connection: Connection, user_id: UserId, command_id: int) -> Command | None:
    """Return a command that the user gave; None where there is none of this number, or it is another's."""
    row = await connection.fetchrow(_READ_OWN, command_id, user_id)
    return None if row is None else _command(row)


async def list_commands(connection: Connection, below: int, limit: int) -> list[Command]:
    """Return a page of commands numbered below ``below``, the newest first."""
    return [_command(row) for row in await connection.fetch(_LIST, below, limit)]


async def commands_of(connection: Connection, since: datetime, until: datetime, limit: int) -> list[Command]:
    """Return the commands of a period, the newest first."""
    return [_command(row) for row in await connection.fetch(_PERIOD, since, until, limit)]


async def effect_of(connection: Connection, command: Command) -> Effect:
    """Tell how far a halt or resume has taken effect."""
    row = await connection.fetchrow(_EFFECT, command.command_id)
    assert row is not None
    last_entry = None
    if command.kind == "halt":
        last_entry = await connection.fetchval(_LAST_ENTRY, command.command_id, SIGNALS_LOOKED_AT)
    effective_at = row["last_at"] if row["waiting"] == 0 else None
    return Effect(
        engines=row["engines"],
        acknowledged=row["acknowledged"],
        waiting=row["waiting"],
        effective_at=effective_at,
        took_ms=_ms(command.asked_at, effective_at),
        last_entry_sent_at=last_entry,
    )


async def progress_of(connection: Connection, command: Command) -> CloseProgress:
    """Tell how far a close has come."""
    row = await connection.fetchrow(_CLOSES, command.user_id, command.command_id)
    assert row is not None
    done = row["unsettled"] == 0
    return CloseProgress(
        signals=row["signals"],
        unplanned=row["unplanned"],
        exits=row["exits"],
        denied=row["denied"],
        closed=row["closed"],
        gone=row["gone"],
        done=done,
        took_ms=_ms(command.asked_at, row["last_at"] if done else None),
    )


async def held_in(connection: Connection, scope: Scope, key: str, symbol: str | None) -> tuple[int, int, Decimal]:
    """Count who holds something in a scope, and the open positions; and what these were worth when they were opened, in their quote
    currencies taken as one."""
    row = await connection.fetchrow(_HELD, scope.value, key, symbol)
    assert row is not None
    return row["accounts"], row["positions"], row["notional"]


def _ms(begun: datetime, ended: datetime | None) -> int | None:
    return None if ended is None else round((ended - begun).total_seconds() * 1000)


def _command(row: object) -> Command:
    values = dict(row)  # type: ignore[call-overload]
    state = values["state"]
    return Command(**{**values, "scope": Scope(values["scope"]), "state": None if state is None else TradingState(state)})
