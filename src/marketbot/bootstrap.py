"""Puts the engine together: the only place that knows which adapter fulfils which port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import structlog

from marketbot.accounts.balances import BalanceRefresh
from marketbot.accounts.connector import Connector
from marketbot.accounts.key_checks import KeyChecks
from marketbot.accounts.key_keeper import KeyKeeper
from marketbot.accounts.keyring import Keyring
from marketbot.accounts.safe import Safe
from marketbot.cache.events import EventBus
from marketbot.cache.namespaces import SharedTables
from marketbot.cache.shared import Shared
from marketbot.cache.shared_cache import SharedCache
from marketbot.clock import SystemClock
from marketbot.domain.egress import Egress
from marketbot.domain.instrument import Instrument
from marketbot.domain.venue import Market
from marketbot.execution.desk import Desk
from marketbot.execution.executor import Executor
from marketbot.execution.locks import AccountLocks
from marketbot.jobs.erasures import erasures_kind
from marketbot.jobs.key_expiry import key_expiry_kind
from marketbot.jobs.kinds import Kinds
from marketbot.jobs.letters import letter_kind
from marketbot.jobs.notice_kinds import notice_kinds
from marketbot.jobs.retention import Retention, retention_kind
from marketbot.mail.postman import Postman
from marketbot.mail.server import MailServer
from marketbot.notices.delivery import Courier
from marketbot.observability import metrics
from marketbot.observability.execution_watch import ExecutionWatch
from marketbot.observability.logs import register_secret
from marketbot.observability.metrics import Stage
from marketbot.planning.planner import Planner
from marketbot.ports import Clock, VenueClient
from marketbot.reconciliation.reconcile import Reconciler
from marketbot.reconciliation.sweep import Sweep
from marketbot.settings import Role, Settings
from marketbot.simulator import simulator_urls
from marketbot.store.data_keys import any_wrapped
from marketbot.store.installation import Installation, open_installation
from marketbot.store.instruments import replace_known_symbols
from marketbot.store.journal import PostgresJournal
from marketbot.store.listen import Line, Listener
from marketbot.store.planning import PostgresPlanning
from marketbot.store.pool import DirectConnection, Pool, is_unavailable, open_pool
from marketbot.store.runs import load_guards
from marketbot.store.workers import ensure_alive
from marketbot.vault.kek import KekMissing, LateKek, NoKek, open_kek
from marketbot.vault.vault import Vault
from marketbot.venues.registry import open_clients
from marketbot.venues.wire import HandshakeRoom
from marketbot.workers import ban_news
from marketbot.workers.ban_news import BanNews
from marketbot.workers.controls import Controls
from marketbot.workers.departures import Departures
from marketbot.workers.dispatch import Dispatcher
from marketbot.workers.gauges import run_gauges
from marketbot.workers.holdings import Holdings
from marketbot.workers.jobs import JobRunner
from marketbot.workers.live import LiveNotes
from marketbot.workers.market_data import MarketData
from marketbot.workers.markets import Markets
from marketbot.workers.ownership import Ownership
from marketbot.workers.plan import run_planner
from marketbot.workers.presence import Presence
from marketbot.workers.price_bars import PriceBars
from marketbot.workers.process import this_process, ways_out

CHANNELS = ("signal", "chunk", "control", "account", "account", "account", "job")
"""One listener for each loop that waits for nudges: a nudge taken by one must not be missed by another."""
KEYRING_POLL_S = 1.0
MAX_HANDSHAKES = 8
"""TLS handshakes of this process under way at once, over all markets and egress addresses."""


DRAIN_S = 8.0
"""How long a process that is asked to end goes on with what it has begun: a position gets its stop or is closed within that time. The
supervisor waits twice as long before it kills."""
NEEDED_TO_DRAIN = frozenset({"dispatcher", "presence", "controls", "markets", "jobs"})
PLANNERS_LOOPS = frozenset({"planner", "controls", "markets", "presence", "gauges", "live"})
EXECUTORS_LOOPS = frozenset(
    {
        *("dispatcher", "controls", "markets", "presence", "gauges", "connector", "sweep", "balances", "keyring", "live"),
        *("departures", "key_boxes", "key_checks", "price_bars"),
    }
)
KEEPERS_LOOPS = frozenset({"jobs", "presence", "gauges"})
"""An account is acted for by its owner alone: what needs one (balances, sweeps, connecting) is a loop of the executors, no keeper's."""
LOOPS = {Role.PLANNER: PLANNERS_LOOPS, Role.EXECUTOR: EXECUTORS_LOOPS, Role.KEEPER: KEEPERS_LOOPS}

log = structlog.get_logger(__name__)


@dataclass
class Engine:
    """One process's planner, dispatcher and keepers, over one database."""

    settings: Settings
    dsn: str
    pool: Pool
    installation: Installation
    journal: PostgresJournal
    line: Line
    listeners: list[Listener]
    markets: Markets
    data: MarketData
    keyring: Keyring
    dispatcher: Dispatcher
    planner: Planner
    presence: Presence
    controls: Controls
    connector: Connector
    sweep: Sweep
    balances: BalanceRefresh
    departures: Departures
    key_keeper: KeyKeeper
    key_checks: KeyChecks
    locks: AccountLocks
    jobs: JobRunner
    live: LiveNotes
    price_bars: PriceBars
    shared: Shared | None = None
    """The shared store, when there is one. No order waits for it."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Load what is shared, then let every loop run."""
        if self.shared is not None:
            await self.shared.start()
        await self.controls.read()
        self.journal.start()
        await self.presence.enlist()
        await self.markets.refresh()
        names = frozenset[str]().union(*(LOOPS[role] for role in self.settings.roles))
        for name, loop in self._loops().items():
            if name in names:
                self.tasks.append(asyncio.create_task(loop(), name=name))

    async def run(self, stopped: asyncio.Event) -> None:
        """Return when ``stopped`` is set; raise what ended a loop: a broken invariant ends the process, and start-up heals."""
        waiting = asyncio.create_task(stopped.wait())
        try:
            done, _ = await asyncio.wait([waiting, *self.tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {waiting}:
                task.result()
        finally:
            waiting.cancel()

    async def stop(self) -> None:
        """Finish what is on its way, within ``DRAIN_S``; then stop the loops, write out what is gathered, close what is open."""
        self.dispatcher.drain(DRAIN_S)
        self.jobs.drain()
        self.presence.drain()
        needed = [task for task in self.tasks if task.get_name() in NEEDED_TO_DRAIN]
        for task in self.tasks:
            if task not in needed:
                task.cancel()
        dispatching = [task for task in needed if task.get_name() in ("dispatcher", "jobs")]
        if dispatching:
            await asyncio.wait(dispatching, timeout=DRAIN_S + 1.0)
        for task in needed:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.journal.close()
        await self.live.close()
        await self.markets.close()
        await self.line.close()
        await self.presence.close()
        await self.pool.close()
        if self.shared is not None:
            await self.shared.close()

    def _loops(self) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
        plan, work, control, account, connecting, boxes, job = self.listeners
        return {
            "planner": lambda: run_planner(self.planner, plan),
            "dispatcher": lambda: self.dispatcher.run(work),
            "controls": lambda: self.controls.run(control),
            "markets": lambda: self.markets.run(account),
            "presence": self.presence.run,
            "gauges": lambda: run_gauges(self.pool, self.markets.clients, lambda: self.presence.worker),
            "connector": lambda: self.connector.run(asyncio.Event(), connecting),
            "sweep": self.sweep.run,
            "balances": self.balances.run,
            "keyring": lambda: _refresh_keyring(self.keyring),
            "jobs": lambda: self.jobs.run(job),
            "key_boxes": lambda: self.key_keeper.run(boxes),
            "key_checks": self.key_checks.run,
            "live": self.live.run,
            "departures": self.departures.run,
            "price_bars": self.price_bars.run,
        }


async def build_engine(settings: Settings, dsn: str) -> Engine:
    """Open the store and put the parts together; nothing trades before ``Engine.start``."""
    clock = SystemClock()
    egress: Sequence[Egress | None] = settings.egress_addresses or (None,)
    process = this_process(tuple(role.value for role in settings.roles), ways_out(egress))
    ownership = Ownership()

    async def admit(connection: DirectConnection) -> None:
        if ownership.worker:
            await ensure_alive(connection, ownership.worker)

    pool = await open_pool(dsn, name=f"engine {process.instance}", size=settings.engine_pool_size, admit=admit)
    installation = await open_installation(pool, settings.profile)
    vault = Vault.from_file(settings.vault_key_file)
    safe = await _safe(settings, pool, vault)
    keyring = Keyring(pool, safe)
    controls = Controls(pool, lambda: ownership.worker or None)
    presence = Presence(dsn, pool, process, ownership)
    bans = BanNews(pool)
    shared = None if settings.redis_url is None else Shared(settings.redis_url.get_secret_value())

    async def notify(channel: str, text: str) -> None:
        await pool.execute("SELECT pg_notify($1, $2)", channel, text)

    # Never started: an engine speaks and does not listen, so the bus needs no connection of its own.
    live = LiveNotes(EventBus(notify, dsn, shared))
    journal = PostgresJournal(pool, on_commit=lambda _rows, took_s: metrics.observe(Stage.PERSIST, took_s), tell=live)
    urls, ca_file = simulator_urls(settings)
    handshakes = HandshakeRoom(MAX_HANDSHAKES)

    def shares() -> list[Fraction]:
        """This process's part of each address; of one that no executor counts, and for a planner, nothing."""
        held = dict(enumerate(ownership.shares()))
        return [held.get(number, Fraction(0)) for number in range(len(egress))]

    async def open_client(market: Market) -> VenueClient:
        opened = await open_clients(
            settings.profile,
            [market],
            clock=clock,
            egress=egress,
            urls=urls,
            ca_file=ca_file,
            handshakes=handshakes,
            may_act=lambda: presence.holds_lease,
            news=bans,
        )
        opened[market].set_shares(shares())
        return opened[market]

    async def publish(market: Market, instruments: Sequence[Instrument]) -> None:
        async with pool.acquire() as connection, connection.transaction():
            await replace_known_symbols(connection, market, [each.symbol for each in instruments if each.tradable])

    clients: dict[Market, VenueClient] = {}
    data = MarketData(clients.__getitem__, clock, publish, SharedTables(SharedCache(clock, shared)) if shared else None)
    markets = Markets(pool, data, open_client, clients)
    desk = Desk(clients, journal, clock, controls.switches, ExecutionWatch())
    locks = AccountLocks()
    reconciler = Reconciler(desk, pool, keyring, locks, data.instruments.get, tag=installation.tag, tell=live)
    line = Line(dsn, name=f"engine nudges {process.instance}")
    listeners = [line.listener([channel]) for channel in CHANNELS]
    line.listener([ban_news.CHANNEL], bans.hear)
    line.start()
    executor = Executor(desk, locks, reconciler, lambda run: load_guards(pool, [run], installation.tag))
    dispatcher = Dispatcher(
        pool,
        executor,
        keyring,
        data.instruments.get,
        tag=installation.tag,
        ownership=ownership,
        window=controls.execution_window,
        may_claim=lambda: not journal.is_full,
    )

    def overspent() -> dict[str, Sequence[int]]:
        return {str(market): client.overspent() for market, client in clients.items()}

    def note_slots_changed(spent: Mapping[str, Mapping[int, int]]) -> None:
        for market, client in clients.items():
            client.set_shares(shares(), spent.get(str(market)))
        dispatcher.wake()

    if Role.EXECUTOR in settings.roles:
        presence.work = Holdings(ownership, dispatcher, executor, reconciler, keyring, overspent, note_slots_changed)
    retention = Retention(settings.retain_orders, settings.retain_refusals, settings.retain_chunks, settings.retain_jobs)
    loopback = settings.notices_to_loopback
    bot_token = None if settings.telegram_token is None else settings.telegram_token.get_secret_value()
    if bot_token is not None:
        register_secret(bot_token)
    postman = _postman(settings, clock)
    kinds = Kinds(
        [
            retention_kind(pool, retention),
            *notice_kinds(
                pool,
                vault,
                clock,
                Courier(loopback=loopback),
                loopback=loopback,
                telegram_api=settings.telegram_api,
                telegram_token=bot_token,
                letters=postman,
            ),
            letter_kind(pool, vault, postman, settings.people_url),
            key_expiry_kind(pool),
            erasures_kind(pool, vault, settings.backup_directory, settings.backup_key_file),
        ]
    )
    return Engine(
        settings=settings,
        dsn=dsn,
        pool=pool,
        installation=installation,
        journal=journal,
        line=line,
        listeners=listeners,
        markets=markets,
        data=data,
        keyring=keyring,
        dispatcher=dispatcher,
        planner=Planner(
            PostgresPlanning(pool, installation.tag, live), data.prices, data.instruments, clock, ownership.meant_for
        ),
        presence=presence,
        controls=controls,
        connector=Connector(
            pool,
            keyring,
            clients,
            data.instruments.get,
            clock,
            controls.policy,
            held=reconciler.note_holdings,
            owned=ownership,
            tell=live,
        ),
        sweep=Sweep(reconciler, pool, clients, data.prices, clock, is_busy=lambda: dispatcher.is_busy, owned=ownership),
        balances=BalanceRefresh(pool, keyring, clients, clock, is_busy=lambda: dispatcher.is_busy, owned=ownership),
        departures=Departures(
            pool, keyring, reconciler, clients, clock, lambda: {*dispatcher.accounts_being_loaded(), *locks.held()}
        ),
        key_keeper=KeyKeeper(pool, safe, clock, lambda: ownership.worker, tell=live),
        key_checks=KeyChecks(pool, keyring, clients, clock, is_busy=lambda: dispatcher.is_busy, owned=ownership, tell=live),
        locks=locks,
        live=live,
        price_bars=PriceBars(
            pool, data.prices, clock, writes=lambda: ownership.owns_first_slot, is_busy=lambda: dispatcher.is_busy
        ),
        shared=shared,
        jobs=JobRunner(pool, kinds, clock, lambda: ownership.worker),
    )


async def _safe(settings: Settings, pool: Pool, vault: Vault) -> Safe:
    """Open the safe in an executor; any other process has none that opens.

    An installation of an earlier version has nothing wrapped yet: its keys are the vault's, and it trades on, and takes up a
    key-encryption key when there is one. An engine never makes one, for it may live in a container whose files die with it.

    Raises:
        VaultError: the key-encryption key cannot be used, or is missing where something is wrapped by it.
    """
    if Role.EXECUTOR not in settings.roles:
        return Safe(vault, NoKek())
    try:
        return Safe(vault, open_kek(settings.data_dir))
    except KekMissing:
        if await any_wrapped(pool):
            raise
        log.warning("kek_missing", meaning="nobody can connect an account: `marketbot keys init` makes a key-encryption key")
        return Safe(vault, LateKek(lambda: open_kek(settings.data_dir)))


def _postman(settings: Settings, clock: Clock) -> Postman | None:
    if settings.smtp_url is None or settings.mail_from is None:
        return None
    return Postman(MailServer.parse(settings.smtp_url.get_secret_value()), settings.mail_from, clock)


async def _refresh_keyring(keyring: Keyring) -> None:
    while True:
        await asyncio.sleep(KEYRING_POLL_S)
        try:
            await keyring.refresh()
        except Exception as error:
            # A store that is away for a moment must not end the engine: what it has in hand would change owners, and wait for that.
            if not is_unavailable(error):
                raise
            log.warning("keyring_waits_for_store", error=type(error).__name__)
