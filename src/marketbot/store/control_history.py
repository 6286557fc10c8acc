"""Commands and switches as an operator looks at them: narrowed, with who gave them, and what a close could not do. Over all users.

Who gave a command stands in the audit trail, in the transaction that made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot.domain.ids import SignalId
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.store.overview import ReasonCount
from marketbot.store.pool import Connection

KINDS = ("halt", "resume", "close")
SWITCHES_SHOWN_MAX = 200
CLOSE_SIGNALS_MAX = 100
CLOSE_REASONS_MAX = 20
RECORDED_WITHIN_S = 60.0
"""A command and its entry are of one transaction, which ends long before that."""

_WHO = "e.actor_kind, e.actor_id, (SELECT p.name FROM person p WHERE e.actor_kind = 'person' AND p.person_id = e.actor_id) AS actor_name"
HISTORY = f"""
SELECT c.command_id, c.kind, c.scope::text, c.key, c.symbol, c.state::text, c.reason, c.user_id, c.accounts, c.open_positions,
       c.queued_chunks, c.asked_at, {_WHO}
FROM (SELECT * FROM control_command WHERE command_id < $1 AND ($2::text IS NULL OR kind = $2)
      AND ($3::text IS NULL OR scope = $3::text::switch_scope) ORDER BY command_id DESC LIMIT $4) c
LEFT JOIN LATERAL (
    SELECT a.actor_kind, a.actor_id FROM audit_entry a
    WHERE a.at >= c.asked_at AND a.at < c.asked_at + make_interval(secs => $5)
      AND a.subject_kind = c.scope::text AND a.subject_id = c.key AND a.action IN ('halted', 'resumed', 'closed')
      AND a.facts ->> 'command_id' = c.command_id::text
    ORDER BY a.at, a.entry_id LIMIT 1) e ON true
ORDER BY c.command_id DESC
"""
SET = f"""
SELECT s.scope::text, s.key, s.state::text, s.reason, s.changed_at, (e.facts ->> 'command_id')::bigint AS command_id, {_WHO}
FROM (SELECT * FROM switch WHERE state <> 'active' ORDER BY scope, key LIMIT $1) s
LEFT JOIN LATERAL (
    SELECT a.actor_kind, a.actor_id, a.facts FROM audit_entry a
    WHERE a.subject_kind = s.scope::text AND a.subject_id = s.key AND a.action = 'halted'
    ORDER BY a.entry_id DESC LIMIT 1) e ON true
ORDER BY s.scope, s.key
"""
CLOSE_SIGNALS = "SELECT signal_id, symbol, state::text FROM signal WHERE command_id = $1 ORDER BY signal_id LIMIT $2"
CLOSE_REASONS = """
SELECT CASE WHEN i.state = 'denied' THEN 'denied' ELSE o.result::text END AS became,
       CASE WHEN i.state = 'denied' THEN i.reason ELSE o.reason END AS reason, count(*) AS accounts
FROM signal g JOIN intent i USING (signal_id) LEFT JOIN outcome o USING (signal_id, account_id)
WHERE g.command_id = $1 AND (i.state = 'denied' OR o.result <> 'ordered')
GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class GivenCommand:
    """A command, and who gave it: ``actor_kind`` is None where the trail does not tell."""

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
    actor_kind: str | None
    actor_id: int | None
    actor_name: str | None


@dataclass(frozen=True, slots=True)
class SetSwitch:
    """A switch that is not active, and who set it by which command."""

    scope: Scope
    key: str
    state: TradingState
    reason: str
    changed_at: datetime
    command_id: int | None
    actor_kind: str | None
    actor_id: int | None
    actor_name: str | None


@dataclass(frozen=True, slots=True)
class CloseSignal:
    """What a close is carried out by: one an instrument."""

    signal_id: SignalId
    symbol: str
    state: str


async def list_history(
    connection: Connection, below: int, limit: int, *, kind: str | None = None, scope: str | None = None
) -> list[GivenCommand]:
    """Return a page of commands numbered below ``below``, the newest first; None narrows nothing."""
    return [_given(row) for row in await connection.fetch(HISTORY, below, kind, scope, limit, RECORDED_WITHIN_S)]


async def read_given(connection: Connection, command_id: int) -> GivenCommand | None:
    """Return one command with who gave it."""
    rows = await connection.fetch(HISTORY, command_id + 1, None, None, 1, RECORDED_WITHIN_S)
    found = _given(rows[0]) if rows else None
    return found if found is not None and found.command_id == command_id else None


async def list_set_switches(connection: Connection) -> list[SetSwitch]:
    """Return what is halted or reducing now, at most ``SWITCHES_SHOWN_MAX``."""
    return [
        SetSwitch(**{**dict(row), "scope": Scope(row["scope"]), "state": TradingState(row["state"])})
        for row in await connection.fetch(SET, SWITCHES_SHOWN_MAX)
    ]


async def close_signals(connection: Connection, command_id: int) -> list[CloseSignal]:
    return [CloseSignal(**dict(row)) for row in await connection.fetch(CLOSE_SIGNALS, command_id, CLOSE_SIGNALS_MAX)]


async def close_reasons(connection: Connection, command_id: int) -> list[ReasonCount]:
    """Return why exits of a close were denied, or ended without an order of ours, and how often."""
    rows = await connection.fetch(CLOSE_REASONS, command_id, CLOSE_REASONS_MAX)
    return [ReasonCount(row["became"], row["reason"] or "", row["accounts"]) for row in rows]


def _given(row: object) -> GivenCommand:
    values = dict(row)  # type: ignore[call-overload]
    state = values["state"]
    return GivenCommand(**{**values, "scope": Scope(values["scope"]), "state": None if state is None else TradingState(state)})
