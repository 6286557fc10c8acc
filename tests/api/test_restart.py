"""The primary restarted and killed under load: 503 while it is away, then everything again, without anybody doing anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import orjson
import pytest

from marketbot.store.embedded import EmbeddedPostgres
from marketbot.store.migrate import migrate
from marketbot.store.pool import connect

from .conftest import Answer, Api, furnish, running, until

WRITERS, READERS = 4, 2
POOL = 4

pytestmark = pytest.mark.process


@pytest.fixture
async def server(place: Path) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(place) as found:
        await migrate(found.dsn)
        await furnish(found.dsn)
        # The writers do not pause; how many come through before the reads do is the machine's affair.
        connection = await connect(found.dsn, name="test")
        await connection.execute("UPDATE source SET signals_per_hour = 1000000")
        await connection.close()
        yield found


class Load:
    """Sends signals and reads one back, for as long as it is told to, and keeps every answer."""

    def __init__(self, api: Api) -> None:
        self.writes: list[Answer] = []
        self.reads: list[Answer] = []
        self._api = api
        self._numbers = count(1)
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def answers(self) -> list[Answer]:
        return self.writes + self.reads

    async def __aenter__(self) -> Load:
        self._tasks = [asyncio.create_task(self._write()) for _ in range(WRITERS)]
        self._tasks += [asyncio.create_task(self._read()) for _ in range(READERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _write(self) -> None:
        while not self._stop.is_set():
            body = orjson.dumps({"ticker": "BTCUSDT", "signal": "SINAL LONG", "id": f"n{next(self._numbers)}"})
            self.writes.append(await self._api.post(body))

    async def _read(self) -> None:
        while not self._stop.is_set():
            self.reads.append(await self._api.get("/v1/signals/1/accounts"))

    async def more(self, kind: list[Answer], status: int) -> None:
        """Wait until one more answer of a kind has this status."""
        seen = len(kind)
        await until(lambda: any(answer.status == status for answer in kind[seen:]), 60.0)


@pytest.mark.parametrize("way", ["restarted", "killed"])
async def test_503_while_it_is_away_and_everything_again_afterwards(server: EmbeddedPostgres, tmp_path: Path, way: str) -> None:
    async with running(server.dsn, tmp_path, api_pool_size=POOL) as api:
        async with Load(api) as load:
            await load.more(load.writes, 202)
            await load.more(load.reads, 200)
            if way == "restarted":
                await server.stop()
                await load.more(load.writes, 503)
                await load.more(load.reads, 503)
                await server.start()
            else:
                await server.kill()
                await asyncio.wait_for(server.restarted.wait(), 60.0)
            await load.more(load.writes, 202)
            await load.more(load.reads, 200)

        for answer in load.answers:
            assert answer.status in (200, 202, 503), answer
            if answer.status == 503:
                assert answer.json["reason"] == "STORE_UNAVAILABLE"
                assert answer.headers["content-type"].startswith("application/problem+json")
                assert int(answer.headers["retry-after"]) > 0

        # What was accepted is there, once, whatever happened to the connection that it went over.
        accepted = [answer.json["signal_id"] for answer in load.writes if answer.status == 202]
        assert len(accepted) == len(set(accepted))
        stored = {row["signal_id"] for row in await api.rows("SELECT signal_id FROM signal")}
        assert set(accepted) <= stored

        # No connection of the pool is left that died: more requests at once than it holds, and none is answered 503.
        at_once = await asyncio.gather(*(api.get("/v1/signals/1/accounts") for _ in range(3 * POOL)))
        assert {answer.status for answer in at_once} == {200}
        held = await api.rows("SELECT count(*) AS held FROM pg_stat_activity WHERE application_name = 'marketbot api'")
        assert 1 <= held[0]["held"] <= POOL
