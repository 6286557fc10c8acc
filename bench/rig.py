"""A whole installation for measuring: Postgres, simulator, API and engine as processes of their own, accounts ready to trade.

The accounts are written ready (balance and leverage known) instead of being connected one by one: connecting is not what is measured.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import psutil

from marketbot.accounts.importing import import_accounts
from marketbot.accounts.records import AccountRecord
from marketbot.accounts.safe import safe_in
from marketbot.domain.policy import Wishes
from marketbot.domain.venue import BINANCE, BYBIT, Environment, Profile, Venue
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.installation import open_installation
from marketbot.store.migrate import migrate
from marketbot.store.pool import connect
from marketbot.store.sources import create_webhook_source

SOURCE = "bench"
IDLE_SOURCE = "idle"
"""A source that nobody follows: what the webhook costs by itself."""
READY_TIMEOUT_S = 60.0
SYMBOL = "BTCUSDT"
WARM_UP_SYMBOL = "ETHUSDT"
THIRD_SYMBOL = "SOLUSDT"
AGAIN_SYMBOLS = ("XRPUSDT", "DOGEUSDT")
PRICES = {SYMBOL: "111245.6", WARM_UP_SYMBOL: "4312.77", THIRD_SYMBOL: "203.41", "XRPUSDT": "2.8713", "DOGEUSDT": "0.24117"}
WISHES = Wishes(max_positions=len(PRICES), position_size_pct=Decimal(10))
"""Room for as many positions as one installation measures fan-outs."""
PLACES = tuple((venue, environment) for venue in (BINANCE, BYBIT) for environment in Environment)


@dataclass
class Rig:
    """Handles to everything that runs. ``cpu_s`` counts our processes and Postgres, never the simulator."""

    directory: Path
    dsn: str
    postgres: EmbeddedPostgres
    secret: str
    api_url: str = ""
    env: dict[str, str] = field(default_factory=dict, repr=False)
    sim: dict[str, Any] = field(default_factory=dict)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    venue_accounts: list[str] = field(default_factory=list)
    """The simulator's names of the accounts, in the order of ours."""
    http: aiohttp.ClientSession | None = None
    watcher: asyncpg.Connection[asyncpg.Record] | None = None
    """Ours, open before anything is measured: a new connection costs the server 10 ms."""

    async def control(self, method: str, path: str, body: object = None) -> Any:
        assert self.http is not None
        headers = {"Authorization": f"Bearer {self.sim['control_token']}"}
        async with self.http.request(
            method, self.sim["control"] + path, data=orjson.dumps(body or {}), headers=headers
        ) as answer:
            content = orjson.loads(await answer.read())
            if answer.status >= 300:
                raise RuntimeError(f"simulator control {path}: {answer.status} {content}")
            return content

    async def post_signal(self, body: dict[str, Any], source: str = SOURCE) -> tuple[int, dict[str, Any], float]:
        assert self.http is not None
        url = f"{self.api_url}/v1/webhook/{source}/{self.secret}"
        started = time.perf_counter()
        async with self.http.post(url, data=orjson.dumps(body), headers={"Content-Type": "application/json"}) as answer:
            content = orjson.loads(await answer.read())
            return answer.status, content, time.perf_counter() - started

    def cpu_s(self) -> dict[str, float]:
        used = {name: _cpu(process.pid) for name, process in self.processes.items() if name != "simulator"}
        # The bench's own look at what has become of a signal, fifty times a second, is not the product's work.
        own = 0.0 if self.watcher is None else _precise_cpu(self.watcher.get_server_pid())
        used["postgres"] = _cpu(self.postgres.pid) - own
        return used

    def sim_cpu_s(self) -> float:
        return _cpu(self.processes["simulator"].pid)

    def rss_bytes(self, name: str) -> int:
        return int(psutil.Process(self.processes[name].pid).memory_info().rss)

    async def start_engine(self, name: str) -> None:
        await _start(self, name, self.env, "marketbot.engine")

    async def open_long(self, symbol: str) -> int:
        """Send a strong long for every account and return the signal's number."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        status, answer, _ = await self.post_signal(
            {"ticker": f"{symbol}.P", "close": PRICES[symbol], "signal": "SINAL LONG FORTE", "time": now}
        )
        if status != 202:
            raise RuntimeError(f"the webhook answered {status}: {answer}")
        return int(answer["signal_id"])

    async def settled(self, signal_id: int, timeout_s: float) -> None:
        """Wait until every account of a signal has its outcome, asking fifty times a second."""
        assert self.watcher is not None
        deadline = time.monotonic() + timeout_s
        while await self.watcher.fetchval("SELECT state FROM signal WHERE signal_id = $1", signal_id) != "settled":
            if time.monotonic() > deadline:
                rows = await self.watcher.fetch("SELECT lane, count(*) FROM chunk WHERE done_at IS NULL GROUP BY lane")
                raise TimeoutError(f"signal {signal_id} did not settle: open chunks {[tuple(r) for r in rows]}")
            await asyncio.sleep(0.02)


def _new_directory() -> Path:
    """Return a fresh directory that a server running as another user can enter."""
    directory = Path(tempfile.mkdtemp(prefix="marketbot-bench-", dir="/var/tmp"))
    directory.chmod(0o755)
    return directory


def _cpu(pid: int | None) -> float:
    """Return the CPU seconds of a process and its children, ended ones too."""
    process = psutil.Process(pid)
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
            total += times.children_user + times.children_system + (_precise_cpu(each.pid) or times.user + times.system)
        except psutil.NoSuchProcess:
            continue
    return total


def _precise_cpu(pid: int) -> float:
    """Return what the scheduler counted, or 0: two dozen database processes, each told in hundredths of a second, would tell little."""
    try:
        stats = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return sum(int(stat.read_text().split()[0]) for stat in stats) / 1e9
    except OSError:
        return 0.0


@asynccontextmanager
async def rig(accounts: int, *, egresses: int = 8, limits: str = "real", onlookers: int = 0) -> AsyncIterator[Rig]:
    """Start everything with ``accounts`` accounts, a quarter at each market, and take it all down again.

    ``onlookers``: so many accounts more that follow no signal, for users who only look.
    """
    directory = _new_directory()
    postgres = EmbeddedPostgres(directory / "postgres")
    await postgres.start()
    made = Rig(directory, postgres.dsn, postgres, secrets.token_urlsafe(24))
    made.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    try:
        await migrate(made.dsn)
        await _start_simulator(made, limits)
        await _make_accounts(made, accounts, onlookers, egresses)
        made.env = _environment(made, egresses)
        await made.start_engine("engine")
        await _start(made, "api", made.env, "marketbot.api")
        await _until_answered(made)
        made.watcher = await connect(made.dsn, name="bench")
        yield made
    finally:
        for name in reversed(made.processes):
            process = made.processes[name]
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 20)
                except TimeoutError:
                    process.kill()
        if made.watcher is not None:
            await made.watcher.close()
        await made.http.close()
        await postgres.stop()
        if os.environ.get("MARKETBOT_BENCH_KEEP"):
            print(f"kept {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)


async def _start_simulator(made: Rig, limits: str) -> None:
    ready = made.directory / "simulator.json"
    command = [sys.executable, "-m", "simexchange", "--tls", "--limits", limits, "--ready-file", str(ready)]
    command += ["--state-dir", str(made.directory / "simulator"), "--control-port", "0"]
    for venue, environment in PLACES:
        command += [f"--{venue}-{environment}-port", "0"]
    (made.directory / "simulator").mkdir()
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    made.processes["simulator"] = process
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), READY_TIMEOUT_S)
    made.sim = orjson.loads(line)


async def _make_accounts(made: Rig, count: int, onlookers: int, egresses: int) -> None:
    await made.control("POST", "/prices", {"prices": PRICES})
    connection = await connect(made.dsn, name="bench")
    try:
        await open_installation(connection, Profile.SIMULATION)
        for source in (SOURCE, IDLE_SOURCE):
            await create_webhook_source(connection, source, made.secret, signals_per_hour=100_000)
        await _import(made, connection, count, egresses)
        if onlookers:
            await _import(made, connection, onlookers, egresses, follows=frozenset())
        await make_ready(connection)
    finally:
        await connection.close()


async def add_accounts(made: Rig, count: int, egresses: int) -> list[str]:
    """Bring more accounts into the running installation, to be connected by it; return their users' names."""
    assert made.watcher is not None
    return await _import(made, made.watcher, count, egresses)


async def _import(
    made: Rig,
    connection: asyncpg.Connection[asyncpg.Record],
    count: int,
    egresses: int,
    follows: frozenset[str] = frozenset({SOURCE}),
) -> list[str]:
    first = len(made.venue_accounts)
    wanted = [
        {"venue": PLACES[i % 4][0], "environment": PLACES[i % 4][1].value, "label": f"a{i}", "balance": "1000", "leverage": 5}
        for i in range(first, first + count)
    ]
    records = []
    for start in range(0, count, 2_000):
        answer = await made.control("POST", "/accounts", {"accounts": wanted[start : start + 2_000]})
        for held in answer["accounts"]:
            i = len(made.venue_accounts)
            made.venue_accounts.append(held["account_id"])
            records.append(
                AccountRecord(
                    row=i + 1,
                    user=f"user{i}",
                    label="main",
                    venue=Venue(PLACES[i % 4][0]),
                    environment=PLACES[i % 4][1],
                    api_key=held["api_key"],
                    api_secret=held["api_secret"],
                    follows=follows,
                    wishes=WISHES,
                    egress=(i // 4) % egresses,
                )
            )
    safe = safe_in(made.directory)
    imported = await import_accounts(connection, safe, records, egresses=egresses)
    if imported.problems:
        raise RuntimeError(f"the import found problems: {imported.problems[:3]}")
    return [record.user for record in records]


async def make_ready(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Write down what connecting would have found: balance 1,000, leverage 5 set."""
    await connection.execute(
        """INSERT INTO account_reading (account_id, user_id, wallet_balance, available_balance, read_at)
           SELECT account_id, user_id, 1000, 1000, now() FROM account"""
    )
    await connection.execute(
        """INSERT INTO leverage_setting (account_id, user_id, symbol, leverage)
           SELECT account_id, user_id, unnest($1::text[]), 5 FROM account""",
        list(PRICES),
    )
    await connection.execute("UPDATE account SET status = 'ready'")
    await connection.execute("ANALYZE")


def _environment(made: Rig, egresses: int) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": made.dsn,
        "MARKETBOT_DATA_DIR": str(made.directory),
        "MARKETBOT_PROFILE": "simulation",
        "MARKETBOT_SIMULATOR_READY_FILE": str(made.directory / "simulator.json"),
        "MARKETBOT_EGRESS_ADDRESSES": ",".join(f"127.0.0.{2 + i}" for i in range(egresses)),
        "MARKETBOT_API_PORT": str(_free_port()),
        "MARKETBOT_METRICS_PORT": "0",
        "MARKETBOT_LOG_LEVEL": "warning",
    }


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _start(made: Rig, name: str, env: dict[str, str], module: str) -> None:
    wants_line = module == "marketbot.engine"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, env=env, stdout=asyncio.subprocess.PIPE if wants_line else None
    )
    made.processes[name] = process
    made.api_url = f"http://127.0.0.1:{env['MARKETBOT_API_PORT']}"
    if wants_line:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), READY_TIMEOUT_S)
        if not line:
            raise RuntimeError(f"the {name} did not start")


async def _until_answered(made: Rig) -> None:
    assert made.http is not None
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            async with made.http.get(f"{made.api_url}/health/ready") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("the API did not become ready")
        await asyncio.sleep(0.05)
