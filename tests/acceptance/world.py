"""Whole installations made of real processes, small enough to be started for one test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psutil

from marketbot.accounts.files import read_accounts_file
from marketbot.accounts.importing import import_accounts
from marketbot.accounts.safe import open_safe
from marketbot.audit import Audit
from marketbot.audit.loading import run_audit
from marketbot.cli.demo.bodies import PRICES, body_of
from marketbot.cli.demo.stage import Stage, put_up
from marketbot.cli.http import Answer, request
from marketbot.cli.sources import make_source
from marketbot.store.pool import Connection, connect, is_unavailable

DEADLINE_S = 60.0
POLL_S = 0.05
MARKETS = (("binance", "mainnet"), ("bybit", "mainnet"), ("binance", "testnet"), ("bybit", "testnet"))


class World:
    """One running installation, with a database connection that is opened again when it broke."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._connection: Connection = stage.store.connection
        self._own = False

    async def add_accounts(self, source: str, user: str, count: int) -> list[int]:
        """Make a source and ``count`` accounts that follow it; return our numbers for them once they may trade."""
        control = self.stage.control
        await control.set_prices(PRICES)
        if source not in self.stage.secrets:
            _, self.stage.secrets[source] = await make_source(self.stage.store, source, "webhook", signals_per_hour=10_000)
        places = [MARKETS[number % len(MARKETS)] for number in range(count)]
        made = await control.create_accounts([{"venue": v, "environment": e, "balance": "1000"} for v, e in places])
        rows = [
            {
                "user": f"{user}-{number}",
                "label": f"{user}-{number}",
                "venue": venue,
                "environment": environment,
                "api_key": held["api_key"],
                "api_secret": held["api_secret"],
                "follows": [source],
            }
            for number, ((venue, environment), held) in enumerate(zip(places, made, strict=True))
        ]
        records = read_accounts_file(orjson.dumps(rows)).records
        safe = open_safe(self.stage.store.settings)
        imported = await import_accounts(self._connection, safe, records, egresses=self.stage.egresses)
        assert (imported.created, imported.problems) == (count, ())
        await self.until(lambda: self._ready(user, count), "accounts are connected")
        query = "SELECT account_id FROM account WHERE label LIKE $1 ORDER BY account_id"
        return [row["account_id"] for row in await self._connection.fetch(query, f"{user}-%")]

    async def post(self, source: str, body: str = "pine_long_strong.json") -> Answer:
        secret = self.stage.secrets[source]
        content = body_of(body, secret=secret, now=datetime.now(UTC))
        url = f"{self.stage.endpoints.api_url}/v1/webhook/{source}/{secret}"
        return await request("POST", url, content, {"Content-Type": "text/plain"})

    async def accepted(self, source: str, body: str = "pine_long_strong.json") -> int:
        """Post until the API knows the symbols; return the signal's number."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            answer = await self.post(source, body)
            if answer.status != 503 or time.monotonic() > deadline:
                assert answer.status == 202, answer
                return int(answer.document["signal_id"])
            await asyncio.sleep(POLL_S)

    async def fetchval(self, query: str, *arguments: object) -> Any:
        """Ask the database, waiting for it while it is away."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                if self._connection.is_closed():
                    self._connection = await connect(self.stage.supervisor.dsn, name="test")
                    self._own = True
                return await self._connection.fetchval(query, *arguments)
            except Exception as error:
                if not is_unavailable(error) or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(POLL_S)

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not await condition():
            assert time.monotonic() < deadline, f"not within {DEADLINE_S:.0f} s: {what}"
            await asyncio.sleep(POLL_S)

    async def settled(self, *signal_ids: int) -> None:
        async def done() -> bool:
            query = "SELECT count(*) FROM signal WHERE signal_id = ANY ($1::bigint[]) AND state = 'settled'"
            return bool(await self.fetchval(query, list(signal_ids)) == len(signal_ids))

        await self.until(done, f"signals {signal_ids} are settled")

    async def outcomes(self, at_least: int) -> None:
        """Wait until some of the work is over, so that what follows strikes in its middle."""

        async def enough() -> bool:
            return bool(await self.fetchval("SELECT count(*) FROM outcome") >= at_least)

        await self.until(enough, f"{at_least} outcomes")

    async def final_audit(self, *, unprotected_limit_s: float) -> Audit:
        """Audit once the last echoes are over."""
        deadline = time.monotonic() + 20.0
        while True:
            await self.fetchval("SELECT 1")
            found = await run_audit(self._connection, self.stage.control, unprotected_limit_s=unprotected_limit_s)
            if found.clean or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.5)

    async def close(self) -> None:
        if self._own:
            await self._connection.close()

    async def _ready(self, user: str, count: int) -> bool:
        query = "SELECT count(*) FROM account WHERE label LIKE $1 AND status = 'ready'"
        return bool(await self.fetchval(query, f"{user}-%") == count)


@asynccontextmanager
async def world(place: Path, **changes: object) -> AsyncIterator[World]:
    """Put an installation up at a place of its own, with some settings changed."""
    async with put_up(place, seed=1, keep=False, progress=lambda _words: None, changes=changes) as stage:
        made = World(stage)
        try:
            yield made
        finally:
            await made.close()


def processes_of(place: Path) -> list[psutil.Process]:
    """Return every process that belongs to the installation at ``place``."""
    found = []
    for process in psutil.process_iter():
        try:
            text = " ".join(process.cmdline())
            if process.pid == psutil.Process().pid or process.status() == psutil.STATUS_ZOMBIE:
                continue
            # The shared store's server shows neither arguments nor environment of ours; it works in its folder.
            if (
                str(place) in text
                or process.environ().get("MARKETBOT_DATA_DIR") == str(place)
                or Path(process.cwd()).parent == place
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
