"""How long lists of 10,000 accounts take to open: an operator's and a user's, first page and deep ones, narrowed, sorted, and as a file."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import asyncpg

from bench.fanout import Row, quantile, row
from marketbot.api.paging import write_cursor
from marketbot.domain.ids import PersonId
from marketbot.people.bearer import make_bearer
from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.migrate import migrate
from marketbot.store.pool import connect
from marketbot.store.sessions import create_session

ACCOUNTS = 10_000
TIMES = 20
"""Requests of each page: one session reads 300 at once."""
GOAL_PAGE_MS = 200.0
GOAL_FILE_MS = 3_000.0
READY_TIMEOUT_S = 60.0
MIDDLE = ACCOUNTS // 2
OF_OPERATOR = (
    "/operator/accounts",
    f"/operator/accounts?after={write_cursor('all_accounts', (MIDDLE,))}",
    "/operator/accounts?order=oldest",
    "/operator/accounts?status=quarantined",
    "/operator/accounts?environment=testnet&venue=bybit&order=oldest",
    "/operator/accounts?q=account%2099",
    "/operator/accounts?q=nobody+is+called+so",
    "/operator/accounts?status=connecting&q=nobody+is+called+so",
)
OF_USER = ("/accounts", f"/accounts?after={write_cursor('accounts', (MIDDLE,))}", "/home", "/home?part=accounts")
FILE = "/operator/accounts?format=csv"

# One user has them all: the most that a list of theirs, or of everybody, can be.
_ROWS = f"""
INSERT INTO installation (tag, profile) VALUES ('bench0', 'simulation');
INSERT INTO app_user (name) VALUES ('Ana');
INSERT INTO source (name, kind, secret_sha256) VALUES ('room', 'webhook', decode(repeat('00', 32), 'hex'));
INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint, status)
SELECT 1, 'account ' || n, (ARRAY['binance', 'bybit'])[1 + n % 2], (ARRAY['mainnet', 'testnet'])[1 + n / 2 % 2]::environment, 'k', 's',
       decode(lpad(to_hex(n), 8, '0'), 'hex'),
       CASE WHEN n % 97 = 0 THEN 'quarantined' WHEN n % 2003 = 0 THEN 'connecting' ELSE 'ready' END::account_status
FROM generate_series(1, {ACCOUNTS}) n;
INSERT INTO account_reading SELECT account_id, user_id, 1000 + account_id, 900, now() FROM account;
INSERT INTO follow SELECT 1, account_id FROM account;
INSERT INTO key_check (account_id, user_id, checked_at) SELECT account_id, user_id, now() FROM account;
INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, stop_price, opened_at)
SELECT account_id, symbol, 'long', user_id, 'protected', 0.5, 100, 98, now() FROM account, (VALUES ('BTCUSDT'), ('ETHUSDT')) s (symbol);
INSERT INTO person (email, name, role, user_id, password_hash, email_confirmed_at)
VALUES ('ana@bench.example', 'Ana', 'user', 1, 'none', now());
INSERT INTO person (email, name, role, password_hash, email_confirmed_at, totp_sealed, totp_confirmed_at)
VALUES ('op@bench.example', 'Olga', 'operator', 'none', now(), 'sealed', now());
VACUUM ANALYZE
"""


@dataclass(frozen=True, slots=True)
class _Viewer:
    http: aiohttp.ClientSession
    cookie: str

    async def get_ms(self, path: str) -> tuple[float, int]:
        """Return how long the whole answer took, and how many bytes it had."""
        started = time.perf_counter()
        headers = {"Cookie": f"marketbot={self.cookie}", "Accept": "text/html"}
        async with self.http.get(path, headers=headers, allow_redirects=False) as answer:
            content = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} was answered {answer.status}")
        return (time.perf_counter() - started) * 1000, len(content)


async def measure_accounts_page() -> list[Row]:
    """Return the rows ``accounts_page`` (the slowest page's p95) and ``accounts_csv``."""
    async with _serving() as (operator, user):
        slowest: dict[str, float] = {}
        for viewer, paths in ((operator, OF_OPERATOR), (user, OF_USER)):
            for path in paths:
                await viewer.get_ms(path)
                slowest[path] = quantile([(await viewer.get_ms(path))[0] for _ in range(TIMES)], 0.95)
        files = [await operator.get_ms(FILE) for _ in range(3)]
    worst = max(slowest, key=lambda path: slowest[path])
    file_ms = max(took for took, _ in files)
    told = ", ".join(
        f"{name} {slowest[path]:.0f}"
        for name, path in (("first", OF_OPERATOR[0]), ("deep", OF_OPERATOR[1]), ("user's", OF_USER[0]))
    )
    return [
        row(
            "accounts_page",
            slowest[worst],
            "ms",
            f"< {GOAL_PAGE_MS:.0f}",
            met=slowest[worst] < GOAL_PAGE_MS,
            how=f"p95 of {TIMES}, the whole answer, of the slowest of {len(slowest)} pages over {ACCOUNTS} accounts of one user: first "
            f"and deep, narrowed, sorted, searched in vain ({told}; slowest {worst.partition('&after')[0]})",
        ),
        row(
            "accounts_csv",
            file_ms,
            "ms",
            f"< {GOAL_FILE_MS:.0f}",
            met=file_ms < GOAL_FILE_MS,
            how=f"all {ACCOUNTS} accounts as a file of {files[0][1] / 1e6:.1f} MB, the slowest of {len(files)}",
        ),
    ]


@asynccontextmanager
async def _serving() -> AsyncIterator[tuple[_Viewer, _Viewer]]:
    """Run a database and an API process over it; yield an operator and the user who has the accounts."""
    directory = _new_directory()
    postgres = EmbeddedPostgres(directory / "postgres")
    try:
        await postgres.start()
        await migrate(postgres.dsn)
        connection = await connect(postgres.dsn, name="bench")
        try:
            for statement in _ROWS.strip().split(";\n"):
                await connection.execute(statement)
            cookies = [await _session(connection, email) for email in ("op@bench.example", "ana@bench.example")]
        finally:
            await connection.close()
        port = _free_port()
        api = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "marketbot.api",
            env=_environment(postgres.dsn, directory, port),
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
                await _ready(http)
                yield _Viewer(http, cookies[0]), _Viewer(http, cookies[1])
        finally:
            api.terminate()
            await api.wait()
    finally:
        await postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _new_directory() -> Path:
    """Return a fresh directory that a server running as another user can enter."""
    directory = Path(tempfile.mkdtemp(prefix="marketbot-bench-", dir="/var/tmp"))
    directory.chmod(0o755)
    return directory


async def _session(connection: asyncpg.Connection[asyncpg.Record], email: str) -> str:
    person_id = await connection.fetchval("SELECT person_id FROM person WHERE email = $1", email)
    bearer = make_bearer()
    await create_session(connection, PersonId(person_id), bearer.sha256, timedelta(hours=1), "127.0.0.1", "bench", shown=True)
    return bearer.text


def _environment(dsn: str, directory: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBOT_")}
    return kept | {
        "DATABASE_URL": dsn,
        "MARKETBOT_DATA_DIR": str(directory),
        "MARKETBOT_PROFILE": "simulation",
        "MARKETBOT_API_PORT": str(port),
        "MARKETBOT_LOG_LEVEL": "error",
    }


async def _ready(http: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(READY_TIMEOUT_S):
        while True:
            try:
                async with http.get("/health/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
