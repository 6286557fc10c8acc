"""A whole installation for fault drills: simulator and engine as processes of their own, over TLS sockets and a real database.

Accounts are written ready to trade (balance and leverage known) instead of being connected one by one: what is drilled is trading.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import asyncpg
import orjson

from marketbot.accounts.importing import import_accounts
from marketbot.accounts.records import AccountRecord
from marketbot.accounts.safe import safe_in
from marketbot.audit.compare import UNPROTECTED_LIMIT_S
from marketbot.audit.control import SimulatorControl
from marketbot.audit.loading import run_audit
from marketbot.audit.records import read_order_name
from marketbot.audit.report import Audit
from marketbot.domain.client_order_id import PREFIX, TAG_LENGTH
from marketbot.domain.ids import SignalId, SourceId, Symbol
from marketbot.domain.signal import Action, Signal
from marketbot.domain.venue import BINANCE, BYBIT, Environment, Market, Profile
from marketbot.store.installation import open_installation
from marketbot.store.policy import change_policy
from marketbot.store.pool import connect
from marketbot.store.signals import accept_signal
from marketbot.store.sources import create_webhook_source

SOURCE = "drill"
SECRET = "a secret of the drills"
SYMBOLS = (Symbol("BTCUSDT"), Symbol("ETHUSDT"), Symbol("SOLUSDT"))
PRICES = {"BTCUSDT": "111245.6", "ETHUSDT": "4312.77", "SOLUSDT": "208.41"}
EGRESSES = 8
MARKETS = tuple(Market(venue, environment) for venue in (BINANCE, BYBIT) for environment in Environment)
READY_TIMEOUT_S = 30.0
POLL_S = 0.1
TRACED_MAX = 5


async def eventually(true: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Poll until ``true`` holds; a ``TimeoutError`` fails the test."""
    async with asyncio.timeout(within_s):
        while not await true():  # noqa: ASYNC110 - what is polled lies in a database or at a venue
            await asyncio.sleep(POLL_S)


@dataclass
class Installation:
    """What runs, and how a drill drives it. ``venue_accounts`` are the simulator's numbers, in the order of the accounts made."""

    dsn: str
    directory: Path
    control: SimulatorControl
    connection: asyncpg.Connection[asyncpg.Record]
    source_id: SourceId
    secret_sha256: bytes
    venue_accounts: list[int] = field(default_factory=list)
    engine: asyncio.subprocess.Process | None = None
    """The engine started last."""
    engines: list[asyncio.subprocess.Process] = field(default_factory=list)
    unprotected_limit_s: float = UNPROTECTED_LIMIT_S
    engine_settings: dict[str, str] = field(default_factory=dict, repr=False)
    """What a drill sets otherwise for the engines it starts."""
    _bodies: count[int] = field(default_factory=count)

    async def start_engine(self, *program: str) -> None:
        """Start an engine (or what ``program`` makes of one), another one if there are some, and wait for its ready line."""
        env = os.environ | {
            "DATABASE_URL": self.dsn,
            "MARKETBOT_DATA_DIR": str(self.directory),
            "MARKETBOT_PROFILE": "simulation",
            "MARKETBOT_SIMULATOR_READY_FILE": str(self.directory / "simulator.json"),
            "MARKETBOT_EGRESS_ADDRESSES": ",".join(f"127.0.0.{2 + number}" for number in range(EGRESSES)),
            "MARKETBOT_METRICS_PORT": "0",
            "MARKETBOT_LOG_LEVEL": "warning",
            **self.engine_settings,
        }
        with (self.directory / "engine.log").open("ab") as log:
            self.engine = await asyncio.create_subprocess_exec(
                sys.executable, *(program or ("-m", "marketbot.engine")), env=env, stdout=asyncio.subprocess.PIPE, stderr=log
            )
        self.engines.append(self.engine)
        assert self.engine.stdout is not None
        line = await asyncio.wait_for(self.engine.stdout.readline(), READY_TIMEOUT_S)
        assert line, self.engine_log()

    async def kill_engine(self) -> None:
        """Kill the engine as a crash would."""
        assert self.engine is not None
        self.engine.send_signal(signal.SIGKILL)
        await self.engine.wait()

    async def stop_engine(self) -> int:
        """Ask the engine to end as an upgrade would; return its exit status."""
        assert self.engine is not None
        self.engine.send_signal(signal.SIGTERM)
        return await self.engine_status()

    async def engine_status(self) -> int:
        """Return the exit status of an engine that is ending."""
        assert self.engine is not None
        return await asyncio.wait_for(self.engine.wait(), READY_TIMEOUT_S)

    def engine_log(self) -> str:
        """Return the end of what the engine logged."""
        return (self.directory / "engine.log").read_text()[-4_000:]

    async def signal(self, action: Action, symbol: Symbol) -> SignalId:
        """Store a signal as the webhook does, which wakes the planner."""
        body = f"{action} {symbol} {next(self._bodies)}"
        taken = await accept_signal(
            self.connection, self.source_id, self.secret_sha256, Signal(action, symbol), body, body.encode()[:32]
        )
        assert taken is not None
        return taken.signal_id

    async def settled(self, signals: Sequence[SignalId], within_s: float) -> None:
        """Wait until all work on these signals is over."""

        async def all_settled() -> bool:
            assert any(engine.returncode is None for engine in self.engines), self.engine_log()
            statement = "SELECT count(*) FROM signal WHERE signal_id = ANY ($1) AND state <> 'settled'"
            return not await self.connection.fetchval(statement, signals)

        try:
            await eventually(all_settled, within_s)
        except TimeoutError:
            raise AssertionError(await self.unfinished()) from None

    async def few_unfinished(self, signals: Sequence[SignalId], share: float, within_s: float) -> None:
        """Wait until at most ``share`` of these signals' queued intents have no outcome yet."""

        async def few() -> bool:
            row = await self.connection.fetchrow(
                """SELECT count(*) FILTER (WHERE o.account_id IS NULL) AS open, count(*) AS queued,
                          (SELECT bool_and(state <> 'accepted') FROM signal WHERE signal_id = ANY ($1)) AS planned
                   FROM intent i LEFT JOIN outcome o USING (signal_id, account_id)
                   WHERE i.signal_id = ANY ($1) AND i.state = 'queued'""",
                signals,
            )
            assert row is not None
            return bool(row["planned"]) and row["open"] <= share * row["queued"]

        await eventually(few, within_s)

    async def unfinished(self) -> str:
        """Tell which orders of unfinished intents stand where, for a failing drill."""
        rows = await self.connection.fetch(
            """SELECT i.signal_id, i.account_id, a.venue, c.leg, c.attempt, c.state, c.reason, c.changed_at
               FROM intent i JOIN account a USING (account_id) LEFT JOIN outcome o USING (signal_id, account_id)
               LEFT JOIN order_current c USING (signal_id, account_id)
               WHERE i.state = 'queued' AND o.account_id IS NULL ORDER BY 1, 2, 4 LIMIT 40"""
        )
        return "unfinished: " + "; ".join(str(tuple(row)) for row in rows) + "\n" + self.engine_log()

    async def trace(self, found: Audit) -> str:
        """Tell both books' story of the intents that an audit complains of, for a failing drill."""
        lines = []
        ledger = await self.control.ledger()
        for finding in found.findings[:TRACED_MAX]:
            numbers = _intent_of(finding.subject)
            if numbers is None:
                continue
            orders = await self.connection.fetch(
                "SELECT client_order_id FROM orders WHERE signal_id = $1 AND account_id = $2", *numbers
            )
            events = await self.connection.fetch(
                """SELECT at, leg, attempt, from_state, state, reason, code FROM order_event
                   WHERE signal_id = $1 AND account_id = $2 ORDER BY at""",
                *numbers,
            )
            ids = {row["client_order_id"] for row in orders}
            told = [
                (
                    datetime.fromtimestamp(entry["at"], UTC),
                    "venue",
                    entry["client_order_id"],
                    entry["kind"],
                    entry["event"],
                    entry["note"],
                )
                for entry in ledger
                if entry["client_order_id"] in ids
            ]
            story = sorted([*told, *(tuple(row) for row in events)], key=lambda each: each[0])
            lines += [finding.subject, *("  " + " ".join(map(str, each)) for each in story)]
        return "\n".join(lines)

    async def audit(self) -> Audit:
        return await run_audit(self.connection, self.control, unprotected_limit_s=self.unprotected_limit_s)

    async def until_clean(self, within_s: float) -> Audit:
        """Audit until both books agree, or return the last audit: fired stops are found by a sweep, after a moment."""
        found: Audit | None = None

        async def clean() -> bool:
            nonlocal found
            found = await self.audit()
            return found.clean

        with suppress(TimeoutError):
            await eventually(clean, within_s)
        assert found is not None
        return found


def _intent_of(subject: str) -> tuple[int, int] | None:
    """Read signal and account out of what a finding is about: its words, or the client order id among them."""
    words = subject.replace(",", " ").split()
    if subject.startswith("signal "):
        signal_id, account_id = (int(word) for word in words if word.isdigit())
        return signal_id, account_id
    for word in words:
        name = read_order_name(word, word[len(PREFIX) : len(PREFIX) + TAG_LENGTH])
        if name is not None:
            return name.signal_id, name.account_id
    return None


@asynccontextmanager
async def open_installation_with(
    database: str, directory: Path, *, accounts: int, seed: int = 1, limits: str = "off", **policy: object
) -> AsyncIterator[Installation]:
    """Start a simulator and make ``accounts`` accounts, a quarter at each market; the engine is started by the drill."""
    (directory / "simulator").mkdir()
    ready_file = directory / "simulator.json"
    command = [sys.executable, "-m", "simexchange", "--tls", "--limits", limits, "--seed", str(seed), "--control-port", "0"]
    command += ["--ready-file", str(ready_file), "--state-dir", str(directory / "simulator")]
    for market in MARKETS:
        command += [f"--{market.venue}-{market.environment}-port", "0"]
    simulator = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    connection = await connect(database, name="drill")
    made: Installation | None = None
    try:
        assert simulator.stdout is not None
        ready = orjson.loads(await asyncio.wait_for(simulator.stdout.readline(), READY_TIMEOUT_S))
        control = SimulatorControl(ready["control"], ready["control_token"])
        await control.set_prices(PRICES)
        await open_installation(connection, Profile.SIMULATION)
        source_id = await create_webhook_source(connection, SOURCE, SECRET, signals_per_hour=10_000)
        digest = await connection.fetchval("SELECT secret_sha256 FROM source WHERE source_id = $1", source_id)
        async with connection.transaction():
            await change_policy(connection, policy)
        made = Installation(database, directory, control, connection, source_id, digest)
        await _make_accounts(made, accounts)
        yield made
    finally:
        for process in (*(made.engines if made is not None else ()), simulator):
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 15)
                except TimeoutError:
                    process.kill()
                    await process.wait()
        await connection.close()


async def _make_accounts(made: Installation, wanted: int) -> None:
    places = [MARKETS[number % len(MARKETS)] for number in range(wanted)]
    held = await made.control.create_accounts(
        [{"venue": place.venue, "environment": place.environment, "balance": "1000", "leverage": 5} for place in places]
    )
    made.venue_accounts = [account["account_id"] for account in held]
    records = [
        AccountRecord(
            row=number + 1,
            user=f"user{number}",
            label="main",
            venue=place.venue,
            environment=place.environment,
            api_key=account["api_key"],
            api_secret=account["api_secret"],
            follows=frozenset({SOURCE}),
            egress=(number // len(MARKETS)) % EGRESSES,
        )
        for number, (place, account) in enumerate(zip(places, held, strict=True))
    ]
    safe = safe_in(made.directory)
    imported = await import_accounts(made.connection, safe, records, egresses=EGRESSES)
    assert imported.problems == ()
    await made.connection.execute(
        """INSERT INTO account_reading (account_id, user_id, wallet_balance, available_balance, read_at)
           SELECT account_id, user_id, 1000, 1000, now() FROM account"""
    )
    for symbol in SYMBOLS:
        await made.connection.execute(
            "INSERT INTO leverage_setting (account_id, user_id, symbol, leverage) SELECT account_id, user_id, $1, 5 FROM account",
            symbol,
        )
    await made.connection.execute("UPDATE account SET status = 'ready'")
