"""Accounts that trade: the whole way of a signal, in one process, against the simulator and a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.accounts.world import SOURCE, SYMBOL, World

from marketbot.accounts.connector import Connector
from marketbot.domain.ids import AccountId, SignalId, SourceId
from marketbot.domain.instrument import Instrument
from marketbot.domain.lane import Lane
from marketbot.domain.policy import Policy
from marketbot.domain.signal import Action, Signal
from marketbot.domain.trading_state import Switches
from marketbot.domain.venue import Market
from marketbot.execution.desk import Desk
from marketbot.execution.executor import Executor
from marketbot.execution.locks import AccountLocks
from marketbot.execution.run import IntentRun
from marketbot.planning.planner import Planner
from marketbot.reconciliation.reconcile import Reconciled, Reconciler
from marketbot.store import chunks
from marketbot.store.journal import PostgresJournal
from marketbot.store.planning import PostgresPlanning
from marketbot.store.runs import load_guards, load_runs
from marketbot.store.signals import accept_signal
from marketbot.workers.market_data import MarketData

WORKER = 7


@dataclass
class Notes:
    """Fulfils ``Watch`` and keeps the alarms."""

    alarms: list[str] = field(default_factory=list)

    def emergency(self, run: IntentRun, why: str) -> None:
        self.alarms.append(why)

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


@dataclass
class Bench:
    """One engine's parts, as if it had just been started; ``restarted`` gives the next one over the same database."""

    world: World
    journal: PostgresJournal
    data: MarketData
    desk: Desk
    locks: AccountLocks
    notes: Notes
    reconciler: Reconciler

    async def connect_all(self) -> None:
        connector = Connector(
            self.world.pool,
            self.world.keyring,
            self.world.clients,
            self.world.instrument,
            self.world.clock,
            Policy,
            held=self.reconciler.note_holdings,
        )
        await connector.run_once()

    async def signal(self, action: Action) -> SignalId:
        """Take a signal, plan it, and execute all of it."""
        pool = self.world.pool
        for market in self.world.clients:
            await self.data.load(market)
        async with pool.acquire() as connection:
            source = await connection.fetchrow("SELECT source_id, secret_sha256 FROM source WHERE name = $1", SOURCE)
            assert source is not None
            body = f"{action} {await connection.fetchval('SELECT count(*) FROM signal')}"
            taken = await accept_signal(
                connection,
                SourceId(source["source_id"]),
                source["secret_sha256"],
                Signal(action, SYMBOL),
                body,
                body.encode()[:32],
            )
        assert taken is not None
        assert not taken.repeated
        planner = Planner(
            PostgresPlanning(pool, self.world.installation.tag), self.data.prices, self.data.instruments, self.world.clock
        )
        await planner.plan_signal(taken.signal_id)
        await self.work_off()
        return taken.signal_id

    async def work_off(self) -> None:
        """Claim and execute every chunk that waits."""
        pool = self.world.pool
        executor = Executor(
            self.desk, self.locks, self.reconciler, lambda run: load_guards(self.pool, [run], self.installation.tag)
        )
        for lane in Lane:
            for chunk in await chunks.claim(pool, WORKER, lane, full=[], limit=100):
                runs = await load_runs(
                    pool,
                    chunk,
                    tag=self.world.installation.tag,
                    credentials=await self.world.keyring.credentials(chunk.account_ids),
                    instruments=self.data.instruments.get,
                    window=timedelta(seconds=60),
                )
                await executor.run(runs, lambda: None)
                await chunks.finish(pool, WORKER, chunk.chunk_id)
                await chunks.settle_signal(pool, chunk.signal_id)

    async def reconcile(self, account_id: AccountId) -> Reconciled:
        return await self.reconciler.reconcile_account(account_id)

    async def position(self, account_id: AccountId) -> Mapping[str, Any]:
        row = await self.world.pool.fetchrow("SELECT * FROM position WHERE account_id = $1", account_id)
        assert row is not None
        return dict(row)

    async def venue_positions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.world.control("GET", "/positions"))["positions"]
        return found

    async def leg_states(self, account_id: AccountId) -> dict[tuple[str, int], str]:
        rows = await self.world.pool.fetch("SELECT leg, attempt, state FROM order_current WHERE account_id = $1", account_id)
        return {(row["leg"], row["attempt"]): row["state"] for row in rows}

    def instrument(self, market: Market) -> Instrument:
        return self.world.instruments[market][SYMBOL]


@asynccontextmanager
async def open_bench(world: World) -> AsyncIterator[Bench]:
    journal = PostgresJournal(world.pool)
    journal.start()

    async def publish(_market: Market, _instruments: Sequence[Instrument]) -> None:
        return

    notes = Notes()
    data = MarketData(world.clients.__getitem__, world.clock, publish)
    desk = Desk(world.clients, journal, world.clock, lambda: Switches({}), notes)
    locks = AccountLocks()
    reconciler = Reconciler(desk, world.pool, world.keyring, locks, world.instrument, tag=world.installation.tag)
    try:
        yield Bench(world, journal, data, desk, locks, notes, reconciler)
    finally:
        await journal.close()
