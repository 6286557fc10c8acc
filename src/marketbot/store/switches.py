"""The kill switch's rows: what is halted or reducing, and what such a switch covers at the moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot.domain.notice import Notice
from marketbot.domain.trading_state import Scope, Switches, TradingState
from marketbot.store.notices import ask
from marketbot.store.pool import Connection

CONTROL_CHANNEL = "control"
"""Notified whenever a switch or the policy changes; whoever keeps a copy reads it again. The payload is the user whom alone it
concerns; none means everybody."""

_READ = "SELECT scope, key, state FROM switch WHERE state <> 'active'"

_LIST = "SELECT scope, key, state, reason, changed_at FROM switch WHERE state <> 'active' ORDER BY scope, key"

_SET = """
INSERT INTO switch (scope, key, state, reason) VALUES ($1, $2, $3, $4)
ON CONFLICT (scope, key) DO UPDATE SET state = excluded.state, reason = excluded.reason, changed_at = now()
"""

_CLEAR = "DELETE FROM switch WHERE scope = $1 AND key = $2 RETURNING state"

_TELL = f"""
SELECT pg_notify('{CONTROL_CHANNEL}', CASE $1::switch_scope
    WHEN 'user' THEN $2::text
    WHEN 'account' THEN coalesce((SELECT user_id::text FROM account WHERE account_id::text = $2::text), '')
    ELSE '' END)
"""

_WHOSE = """
SELECT CASE $1::switch_scope
           WHEN 'user' THEN (SELECT user_id FROM app_user WHERE user_id = $2::text::bigint)
           WHEN 'account' THEN (SELECT user_id FROM account WHERE account_id = $2::text::bigint) END AS user_id,
       extract(epoch FROM clock_timestamp())::text AS now_s
"""

_ACCOUNTS = """
SELECT a.account_id FROM account a
WHERE CASE $1::switch_scope
    WHEN 'environment' THEN a.environment::text = $2
    WHEN 'venue' THEN a.venue = $2
    WHEN 'user' THEN a.user_id = $2::bigint
    WHEN 'account' THEN a.account_id = $2::bigint
    ELSE true END
"""

_EXISTS = """
SELECT CASE $1::switch_scope
    WHEN 'venue' THEN EXISTS (SELECT FROM account WHERE venue = $2)
    WHEN 'instrument' THEN EXISTS (SELECT FROM known_symbol WHERE symbol = $2)
                        OR EXISTS (SELECT FROM position WHERE symbol = $2)
    WHEN 'user' THEN EXISTS (SELECT FROM app_user WHERE user_id = $2::bigint)
    WHEN 'account' THEN EXISTS (SELECT FROM account WHERE account_id = $2::bigint)
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


class PostgresSwitchboard:
    """The switches within the caller's transaction; see ``controls.halt.Switchboard``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def exists(self, scope: Scope, key: str) -> bool:
        """Tell whether there is anything of this name. For user and account, ``key`` is a number in digits."""
        return bool(await self._connection.fetchval(_EXISTS, scope.value, key))

    async def set(self, scope: Scope, key: str, state: TradingState, reason: str) -> None:
        """Set one switch and tell every process when the transaction commits. Setting it twice is setting it once."""
        await self._connection.execute(_SET, scope.value, key, state.value, reason)
        await self._give_notice(Notice.TRADING_STOPPED, scope, key, {"state": state.value, "reason": reason})
        await self._connection.execute(_TELL, scope.value, key)

    async def clear(self, scope: Scope, key: str) -> TradingState:
        """Remove one switch; return what it was (``active`` when there was none)."""
        state = await self._connection.fetchval(_CLEAR, scope.value, key)
        if state is not None:
            await self._give_notice(Notice.TRADING_RESUMED, scope, key, {"state": TradingState.ACTIVE.value})
        await self._connection.execute(_TELL, scope.value, key)
        return TradingState.ACTIVE if state is None else TradingState(state)

    async def _give_notice(self, notice: Notice, scope: Scope, key: str, facts: dict[str, str]) -> None:
        """Have the operator told, and the user whose switch it is, or whose account's."""
        row = await self._connection.fetchrow(_WHOSE, scope.value, key)
        assert row is not None
        user_id, now_s = row
        await ask(self._connection, user_id, notice, f"{scope.value}:{key}:{now_s}", {"scope": scope.value, "key": key, **facts})

    async def covered(self, scope: Scope, key: str) -> tuple[int, int, int]:
        """Count what a switch covers now: accounts, open positions, and chunks of entries that wait or are in work."""
        row = await self._connection.fetchrow(_COVERED, scope.value, key)
        assert row is not None
        return row["accounts"], row["open_positions"], row["queued_chunks"]
