"""Planning's rows: signals that wait, pages of followers with what is known of them, and the decisions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import cast

import asyncpg

from marketbot.domain.ids import AccountId, SignalId, UserId
from marketbot.domain.intent import Decision
from marketbot.domain.lane import Lane
from marketbot.domain.live import Changed, tell_nobody
from marketbot.domain.policy import Policy
from marketbot.domain.signal import Action
from marketbot.domain.trading_state import Switches
from marketbot.domain.venue import Environment, Market
from marketbot.ports import Tell
from marketbot.store.planning_rows import (
    CHUNK_COLUMNS,
    INTENT_COLUMNS,
    ORDER_COLUMNS,
    chunk_rows,
    decision_rows,
)
from marketbot.store.policy import read_policy
from marketbot.store.pool import Connection, Pool, Unavailable
from marketbot.store.switches import read_switches

CHUNK_CHANNEL = "chunk"
"""Notified once for each page that queued something."""

PLANNING_LOCK = 0x6D62_706C_616E
"""The advisory lock of pages that plan entries, one at a time over all processes: two signals planned at once for one
account would each find it free, and together break its limits."""

# On tables that have grown since they were last analyzed, Postgres gathers and sorts all followers for each page: 20 ms instead
# of 0.2 ms for the first fifty of ten thousand. Without sorts it walks the index and stops at the limit.
_BEGIN_PAGE = """
SELECT (SELECT action FROM signal WHERE signal_id = $1),
       set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true)
"""

# Superseded: the source has since said to close what this would open. Whoever has not entered yet, then, must not.
_SIGNAL = """
SELECT s.signal_id, s.source_id, s.command_id, s.action, s.symbol, s.price, s.sent_at, s.received_at, s.plan_lane, s.plan_after,
       EXISTS (SELECT FROM signal later
               WHERE later.source_id = s.source_id AND later.received_at >= s.received_at AND later.signal_id > s.signal_id
                 AND later.symbol = s.symbol
                 AND (s.action, later.action) IN (('open_long', 'close_long'), ('open_long', 'close_all'),
                                                  ('open_short', 'close_short'), ('open_short', 'close_all'))) AS superseded
FROM signal s WHERE s.signal_id = $1 AND s.state = 'accepted'
"""

# A row lock needs no clearing up after a crash, and a second planner skips instead of waiting. NO KEY: the foreign keys of
# the rows that are written next take a share of the same row.
_SIGNAL_TO_PLAN = _SIGNAL + "FOR NO KEY UPDATE OF s SKIP LOCKED"

OPEN_SIGNALS_MAX = 10_000
"""Open signals ever looked at; so many stand open only when nothing has been executed for hours."""

# The inner order and limit make Postgres walk the index of the open ones, also on a table it has no statistics of.
_OPEN = f"""(
    SELECT signal_id, action, state, plan_lane, plan_after FROM signal WHERE state <> 'settled'
    ORDER BY signal_id LIMIT {OPEN_SIGNALS_MAX}) AS open
"""

_OPEN_SIGNALS = f"""
SELECT signal_id FROM {_OPEN} WHERE state = 'accepted'
ORDER BY action IN ('open_long', 'open_short'), signal_id LIMIT $1
"""

_CLOSE_WAITS = f"""
SELECT EXISTS (SELECT FROM {_OPEN} WHERE state = 'accepted' AND action IN ('close_long', 'close_short', 'close_all'))
"""

_OTHERS_OPEN = f"""
SELECT signal_id FROM {_OPEN}
WHERE signal_id <> $1 AND action IN ('open_long', 'open_short') AND (plan_lane, plan_after) <> (0, 0)
"""

# Account and balance are looked up a row: joined, a plan made on an empty database walks the accounts of all markets.
_FOLLOWERS = """
SELECT a.account_id, a.user_id, a.venue, a.environment, a.egress, a.status, a.paused, a.reduce_only, a.hedge_mode,
       a.leverage, a.stop_multiplier, a.target_multiplier, a.position_size_pct, a.max_positions, a.cooldown_min,
       a.daily_loss_limit, a.allowed_symbols, a.denied_symbols,
       r.wallet_balance, r.available_balance, r.read_at
FROM follow f
CROSS JOIN LATERAL (SELECT * FROM account a WHERE a.account_id = f.account_id {environment} LIMIT 1) a
LEFT JOIN LATERAL (
    SELECT * FROM account_reading r WHERE r.account_id = a.account_id AND r.user_id = a.user_id LIMIT 1) r ON true
WHERE f.source_id = $1 AND f.account_id > $2
ORDER BY f.account_id LIMIT $3
"""
# A close by command: whoever it covers and holds its instrument, or may when an entry on its way has arrived.
_COMMANDED = """
WITH concerned AS (
    SELECT p.account_id FROM position p WHERE p.protection <> 'closed' AND p.symbol = $3 AND p.account_id > $2
    UNION
    SELECT i.account_id FROM intent i
    WHERE i.signal_id = ANY($5::bigint[]) AND i.account_id > $2 AND i.state = 'queued'
      AND NOT EXISTS (SELECT FROM outcome o WHERE o.signal_id = i.signal_id AND o.account_id = i.account_id)
)
SELECT a.account_id, a.user_id, a.venue, a.environment, a.egress, a.status, a.paused, a.reduce_only, a.hedge_mode,
       a.leverage, a.stop_multiplier, a.target_multiplier, a.position_size_pct, a.max_positions, a.cooldown_min,
       a.daily_loss_limit, a.allowed_symbols, a.denied_symbols,
       NULL::numeric AS wallet_balance, NULL::numeric AS available_balance, NULL::timestamptz AS read_at
FROM concerned c
CROSS JOIN LATERAL (SELECT * FROM account a WHERE a.account_id = c.account_id LIMIT 1) a
CROSS JOIN LATERAL (SELECT m.scope, m.key FROM control_command m WHERE m.command_id = $1 LIMIT 1) m
WHERE is_covered(m.scope, m.key, a.account_id, a.user_id, a.venue, a.environment)
ORDER BY a.account_id LIMIT $4
"""
_FOLLOWERS_OF_BOTH = _FOLLOWERS.format(environment="")
_FOLLOWERS_OF_ONE = _FOLLOWERS.format(environment="AND a.environment = $4")

_POSITIONS = """
SELECT account_id, user_id, symbol, side, protection, qty, entry_price, opened_at, closed_at
FROM position
WHERE account_id = ANY($1::bigint[]) AND (protection <> 'closed' OR symbol = $2)
"""

_RESULTS = """
SELECT account_id, user_id, sum(result) AS result FROM realized_result
WHERE account_id = ANY($1::bigint[]) AND closed_at >= $2
GROUP BY account_id, user_id
"""

_ON_THEIR_WAY = """
SELECT i.account_id, i.user_id, s.symbol, i.side, i.qty, i.reference_price, i.leverage
FROM intent i JOIN signal s ON s.signal_id = i.signal_id
WHERE i.signal_id = ANY($1::bigint[]) AND i.account_id = ANY($2::bigint[]) AND i.state = 'queued'
  AND NOT EXISTS (SELECT FROM outcome o WHERE o.signal_id = i.signal_id AND o.account_id = i.account_id)
"""

_OPERATIONS = """
SELECT user_id, count(*)::int AS operations FROM intent
WHERE user_id = ANY($1::bigint[]) AND planned_at > $2 AND state = 'queued' AND lane > 0
GROUP BY user_id
"""

_ADVANCE = "UPDATE signal SET plan_lane = $2, plan_after = $3 WHERE signal_id = $1"

_PLANNED = "UPDATE signal SET state = 'planned', planned_at = clock_timestamp() WHERE signal_id = $1 AND state = 'accepted'"

_SETTLE = """
UPDATE signal s SET state = 'settled', settled_at = clock_timestamp()
WHERE s.state = 'planned' AND s.signal_id = $1
  AND NOT EXISTS (SELECT FROM chunk c WHERE c.signal_id = s.signal_id AND c.done_at IS NULL)
"""


class PostgresPlanPage:
    """One page's transaction; see ``planning.ports.PlanPage``."""

    def __init__(self, connection: Connection, signal: asyncpg.Record, tag: str) -> None:
        self.signal = signal
        self.concerned: set[UserId] = set()
        """Users for whom this page decided something."""
        self._connection = connection
        self._tag = tag

    @property
    def _signal_id(self) -> SignalId:
        return SignalId(self.signal["signal_id"])

    async def policy(self) -> Policy:
        return await read_policy(self._connection)

    async def switches(self) -> Switches:
        return await read_switches(self._connection)

    async def others_open(self) -> list[SignalId]:
        return [row["signal_id"] for row in await self._connection.fetch(_OTHERS_OPEN, self._signal_id)]

    async def accounts(self, environment: Environment | None, after: AccountId, limit: int) -> list[asyncpg.Record]:
        command_id = self.signal["command_id"]
        if command_id is not None:
            coming = await self.others_open()
            return await self._connection.fetch(_COMMANDED, command_id, after, self.signal["symbol"], limit, coming)
        source_id = self.signal["source_id"]
        if environment is None:
            return await self._connection.fetch(_FOLLOWERS_OF_BOTH, source_id, after, limit)
        return await self._connection.fetch(_FOLLOWERS_OF_ONE, source_id, after, limit, environment.value)

    async def positions(self, accounts: Sequence[AccountId]) -> list[asyncpg.Record]:
        return await self._connection.fetch(_POSITIONS, accounts, self.signal["symbol"])

    async def results(self, accounts: Sequence[AccountId], day_start: datetime) -> list[asyncpg.Record]:
        return await self._connection.fetch(_RESULTS, accounts, day_start)

    async def entries_on_their_way(self, signals: Sequence[SignalId], accounts: Sequence[AccountId]) -> list[asyncpg.Record]:
        return await self._connection.fetch(_ON_THEIR_WAY, signals, accounts)

    async def operations(self, users: Sequence[UserId], since: datetime) -> list[asyncpg.Record]:
        return await self._connection.fetch(_OPERATIONS, users, since)

    async def write(
        self, decisions: Sequence[Decision], chunks: Mapping[tuple[Market, int], Sequence[AccountId]], now: datetime
    ) -> None:
        self.concerned.update(decision.user_id for decision in decisions)
        intents, orders = decision_rows(self._tag, self._signal_id, self.signal["symbol"], decisions, now)
        await self._copy("intent", INTENT_COLUMNS, intents)
        if orders:
            await self._copy("orders", ORDER_COLUMNS, orders)
        if chunks:
            lane = None if Action(self.signal["action"]).is_entry else Lane.RISK_REDUCING
            await self._copy("chunk", CHUNK_COLUMNS, chunk_rows(self._signal_id, lane, chunks))
            await self._connection.execute(f"NOTIFY {CHUNK_CHANNEL}")

    async def advance(self, phase: int, after: AccountId) -> None:
        await self._connection.execute(_ADVANCE, self._signal_id, phase, after)

    async def finish(self) -> None:
        await self._connection.execute(_PLANNED, self._signal_id)
        await self._connection.execute(_SETTLE, self._signal_id)

    async def _copy(self, table: str, columns: tuple[str, ...], rows: bytes) -> None:
        await self._connection.copy_to_table(table, source=_one_piece(rows), columns=columns, format="text")


async def _one_piece(rows: bytes) -> AsyncIterator[bytes]:
    """Feed COPY from memory; the driver would read a file, even one in memory, in a thread."""
    yield rows


class PostgresPlanning:
    """Signals and pages in Postgres; see ``planning.ports.PlanStore``. ``tag`` is the installation's.

    ``tell`` hears for whom a page decided something, once that is committed.
    """

    def __init__(self, pool: Pool, tag: str, tell: Tell = tell_nobody) -> None:
        self._pool = pool
        self._tag = tag
        self._tell = tell

    async def open_signals(self, limit: int) -> list[SignalId]:
        return [row["signal_id"] for row in await self._pool.fetch(_OPEN_SIGNALS, limit)]

    async def close_waits(self) -> bool:
        return bool(await self._pool.fetchval(_CLOSE_WAITS))

    @asynccontextmanager
    async def page(self, signal_id: SignalId) -> AsyncIterator[PostgresPlanPage | None]:
        async with self._pool.acquire() as connection:
            try:
                async with connection.transaction():
                    page = await self._open_page(cast(Connection, connection), signal_id)
                    yield page
                if page is not None:
                    self._tell(page.concerned, Changed.SIGNALS, [signal_id])
            except asyncpg.InternalClientError as error:
                # What the driver says when the server hung up between two of its answers.
                if not connection.is_closed():
                    raise
                raise Unavailable("The database hung up while a page was being planned.") from error

    async def _open_page(self, connection: Connection, signal_id: SignalId) -> PostgresPlanPage | None:
        action = await connection.fetchval(_BEGIN_PAGE, signal_id)
        if action is not None and Action(action).is_entry:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", PLANNING_LOCK)
        signal = await connection.fetchrow(_SIGNAL_TO_PLAN, signal_id)
        return None if signal is None else PostgresPlanPage(connection, signal, self._tag)
