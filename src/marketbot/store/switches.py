"""The kill switch's rows: what is halted or reducing, and what such a switch covers at the moment it is set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot.domain.trading_state import Scope, Switches, TradingState
from marketbot.store.pool import Connection

CONTROL_CHANNEL = "control"
"""Notified whenever a switch or the policy changes; whoever keeps a copy reads it again."""

_READ = "SELECT scope, key, state FROM switch WHERE state <> 'active'"

_LIST = "SELECT scope, key, state, reason, changed_at FROM switch WHERE state <> 'active' ORDER BY scope, key"

_SET = """
INSERT INTO switch (scope, key, state, reason) VALUES ($1, $2, $3, $4)
ON CONFLICT (scope, key) DO UPDATE SET state = excluded.state, reason = excluded.reason, changed_at = now()
"""

_CLEAR = "DELETE FROM switch WHERE scope = $1 AND key = $2 RETURNING state"

_ACCOUNTS = """
SELECT a.account_id FROM account a
WHERE CASE $1::switch_scope
    WHEN 'environment' THEN a.environment::text = $2
    WHEN 'venue' THEN a.venue = $2
    WHEN 'user' THEN a.user_id = $2::bigint
    WHEN 'account' THEN a.account_id = $2::bigint
    ELSE true END
"""

_COVERED = f"""
WITH covered AS ({_ACCOUNTS})
SELECT (SELECT count(*) FROM covered) AS accounts,
       (SELECT count(*) FROM position p JOIN covered USING (account_id)
        WHERE p.protection <> 'closed' AND ($1 <> 'instrument' OR p.symbol = $2)) AS open_positions,
       (SELECT count(*) FROM chunk c JOIN signal s USING (signal_id)
        WHERE c.done_at IS NULL AND c.lane > 0 AND ($1 <> 'instrument' OR s.symbol = $2)
          AND c.account_ids && ARRAY(SELECT account_id FROM covered)) AS queued_chunks
"""


@dataclass(frozen=True, slots=True)
class SwitchRow:
    """One switch as it is shown."""

    scope: Scope
    key: str
    state: TradingState
    reason: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Covered:
    """How much of the world lies under a switch. ``queued_chunks`` counts entries that have not been worked off."""

    accounts: int
    open_positions: int
    queued_chunks: int


async def read_switches(connection: Connection) -> Switches:
    """Return every switch that is not active."""
    rows = await connection.fetch(_READ)
    return Switches({(Scope(row["scope"]), row["key"]): TradingState(row["state"]) for row in rows})


async def list_switches(connection: Connection) -> list[SwitchRow]:
    """Return the same with who said why and when, to be shown."""
    return [
        SwitchRow(Scope(row["scope"]), row["key"], TradingState(row["state"]), row["reason"], row["changed_at"])
        for row in await connection.fetch(_LIST)
    ]


async def set_switch(connection: Connection, scope: Scope, key: str, state: TradingState, reason: str) -> None:
    """Set one switch and tell every process when the transaction commits. Setting it twice is setting it once."""
    await connection.execute(_SET, scope.value, key, state.value, reason)
    await connection.execute(f"NOTIFY {CONTROL_CHANNEL}")


async def clear_switch(connection: Connection, scope: Scope, key: str) -> TradingState | None:
    """Remove one switch; return what it was, or None when there was none."""
    state = await connection.fetchval(_CLEAR, scope.value, key)
    await connection.execute(f"NOTIFY {CONTROL_CHANNEL}")
    return None if state is None else TradingState(state)


async def count_covered(connection: Connection, scope: Scope, key: str) -> Covered:
    """Count what a switch of ``scope`` and ``key`` covers now. For user and account, ``key`` is a number in digits."""
    row = await connection.fetchrow(_COVERED, scope.value, key)
    assert row is not None
    return Covered(row["accounts"], row["open_positions"], row["queued_chunks"])
