"""The HTTP face as callers meet it: a real server on a loopback port, before a real database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from tests.api.promise import breaches
from tests.ports import free_port

from marketbot.api.server import serve
from marketbot.domain.ids import Symbol
from marketbot.domain.venue import BINANCE, Environment, Market
from marketbot.settings import Settings
from marketbot.store import instruments, sources

SECRET = "correct-horse-battery-staple"
TOKEN = "operator-token-for-the-tests"
START_DEADLINE_S = 10.0
ANSWER_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Api:
    """A client without any library's opinion: it sends the bytes it is told to."""

    port: int
    database: str

    async def raw(self, request: bytes) -> Answer:
        async with asyncio.timeout(ANSWER_DEADLINE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(request)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
                return await read_answer(reader, bodiless=request.startswith(b"HEAD "))
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"content-length: {len(body)}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in named.items()]
        answer = await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        assert breaches(method, path, answer.status, answer.headers.get("content-type", ""), answer.body) == []
        return answer

    async def post(self, body: bytes, *, source: str = "room", secret: str | None = SECRET, **headers: str) -> Answer:
        path = f"/v1/webhook/{source}" + ("" if secret is None else f"/{secret}")
        return await self.send("POST", path, body, **headers)

    async def get(self, path: str, *, token: str | None = TOKEN, **headers: str) -> Answer:
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await self.send("GET", path, **headers)

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.database)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return found
        finally:
            await connection.close()


async def read_answer(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = b"" if bodiless else await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(status.split(" ")[1]), headers, body)


@contextlib.asynccontextmanager
async def running(dsn: str, data_dir: Path, **changes: Any) -> AsyncIterator[Api]:
    """Run a server until the block ends."""
    port = free_port()
    settings = Settings(data_dir=data_dir, api_port=port, operator_token=TOKEN, **changes)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(settings, dsn, stop=stop))
    try:
        await until(lambda: accepts(port))
        yield Api(port, dsn)
    finally:
        stop.set()
        await serving


async def until(condition: Callable[[], Any], deadline_s: float = START_DEADLINE_S) -> None:
    """Wait for a condition (or an awaitable of one); fail after the deadline."""
    async with asyncio.timeout(deadline_s):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


async def accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def furnish(dsn: str) -> None:
    """Give a database a source and the symbols that the bodies name."""
    connection = await asyncpg.connect(dsn)
    try:
        await sources.create_webhook_source(connection, "room", SECRET)
        market = Market(BINANCE, Environment.MAINNET)
        names = [Symbol(name) for name in ("BTCUSDT", "ETHUSDT", "SOLUSDT")]
        await instruments.replace_known_symbols(connection, market, names)
    finally:
        await connection.close()


@pytest.fixture
async def api(database: str, tmp_path: Path) -> AsyncIterator[Api]:
    await furnish(database)
    async with running(database, tmp_path) as found:
        yield found
