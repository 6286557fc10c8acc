"""What a full process turns away first, and what it never does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import orjson
import pytest

from marketbot.api import shedding, webhook
from marketbot.api.database import Database
from marketbot.api.shedding import Room
from marketbot.domain.load import LoadClass

from .conftest import ANSWER_DEADLINE_S, SECRET, Api, furnish, read_answer, running, until

BODY = b'{"ticker":"BTCUSDT","signal":"SINAL LONG"}'
ROOM_SIZE = 10


def test_reads_go_first_then_commands_then_what_is_urgent() -> None:
    room = Room(ROOM_SIZE)
    for load_class, places in ((LoadClass.READ, 6), (LoadClass.COMMAND, 2), (LoadClass.URGENT, 2)):
        assert [room.enter(load_class) for _ in range(ROOM_SIZE)] == [True] * places + [False] * (ROOM_SIZE - places)
    assert "10 of 10" in repr(room)
    # A place that is given back is taken by who may stand longest.
    room.leave(LoadClass.READ)
    assert not room.enter(LoadClass.READ)
    assert not room.enter(LoadClass.COMMAND)
    assert room.enter(LoadClass.URGENT)
    for load_class, places in ((LoadClass.READ, 5), (LoadClass.COMMAND, 2), (LoadClass.URGENT, 3)):
        for _ in range(places):
            room.leave(load_class)
    assert "0 of 10" in repr(room)


def test_streams_have_a_bound_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shedding, "MAX_STREAMS", 2)
    room = Room(1)
    assert [room.enter(LoadClass.STREAM) for _ in range(3)] == [True, True, False]
    assert room.enter(LoadClass.URGENT)
    for load_class in (LoadClass.STREAM, LoadClass.STREAM, LoadClass.URGENT):
        room.leave(load_class)
    assert room.enter(LoadClass.STREAM)
    room.leave(LoadClass.STREAM)


@contextlib.asynccontextmanager
async def held(api: Api) -> AsyncIterator[None]:
    """Have the database keep every signal and every read of one waiting."""
    connection = await asyncpg.connect(api.database)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("LOCK TABLE signal IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        await transaction.rollback()
        await connection.close()


async def in_flight(api: Api) -> dict[str, int]:
    text = (await api.get("/metrics")).body.decode()
    name = "marketbot_requests_in_flight{"
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return {line.split('"')[1]: int(float(line.split(" ")[-1])) for line in lines}


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have requests wait for the database, and for bodies, for as long as a test needs."""
    monkeypatch.setattr(Database.connection.__wrapped__, "__defaults__", (ANSWER_DEADLINE_S,))  # type: ignore[attr-defined]
    monkeypatch.setattr(webhook, "BODY_TIMEOUT_S", ANSWER_DEADLINE_S)


@pytest.mark.usefixtures("patience")
async def test_a_full_process_answers_health_and_urgent_requests(database: str, tmp_path: Path) -> None:
    await furnish(database)
    async with running(database, tmp_path, api_max_in_flight=ROOM_SIZE, api_pool_size=ROOM_SIZE) as api:
        assert (await api.post(BODY)).status == 202
        async with held(api):
            inside = [asyncio.create_task(api.get("/v1/signals/1")) for _ in range(6)]
            await until(lambda: _reading(api, 6))
            turned_away = await asyncio.gather(*(api.get("/v1/signals/1", accept_language="pt-BR") for _ in range(20)))
            urgent = asyncio.create_task(api.post(orjson.dumps({"ticker": "BTCUSDT", "signal": "BUY"})))
            await until(lambda: _urgent(api, 1))
            assert (await api.get("/health/live", token=None)).status == 200
            assert (await api.get("/health/ready", token=None)).status == 200
        assert {(each.status, each.json["reason"], each.headers["retry-after"]) for each in turned_away} == {
            (503, "OVERLOADED", "1")
        }
        assert turned_away[0].headers["content-type"] == "application/problem+json"
        assert "lotado" in turned_away[0].json["title"]
        assert {(await each).status for each in inside} == {200}
        assert (await urgent).status == 202
        assert set((await in_flight(api)).values()) == {0}
        assert 'marketbot_shed_total{load_class="read"}' in (await api.get("/metrics")).body.decode()


async def _reading(api: Api, count: int) -> bool:
    return (await in_flight(api))["read"] == count


async def _urgent(api: Api, count: int) -> bool:
    return (await in_flight(api))["urgent"] == count


@pytest.mark.usefixtures("patience")
async def test_slow_senders_take_no_place(database: str, tmp_path: Path) -> None:
    await furnish(database)
    async with running(database, tmp_path, api_max_in_flight=ROOM_SIZE) as api:
        slow = []
        for _ in range(ROOM_SIZE * 3):
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            head = f"POST /v1/webhook/room/{SECRET} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n\r\n".encode()
            writer.write(head + BODY[:1])
            await writer.drain()
            slow.append((reader, writer))
        assert (await api.post(BODY)).status == 202
        assert (await api.get("/v1/signals/1")).status == 200
        statuses = set()
        for reader, writer in slow:
            writer.write(BODY[1:])
            statuses.add((await read_answer(reader)).status)
            writer.close()
        assert statuses == {202}
        assert set((await in_flight(api)).values()) == {0}


async def test_bodies_on_their_way_are_bounded(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shedding, "MAX_ARRIVING", 0)
    await furnish(database)
    async with running(database, tmp_path) as api:
        answer = await api.post(BODY)
        assert (answer.status, answer.json["reason"]) == (503, "OVERLOADED")


async def test_a_body_that_arrives_when_the_room_is_full_is_told(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(database)
    async with running(database, tmp_path) as api:
        monkeypatch.setattr(Room, "enter", lambda _room, _load_class: False)
        answer = await api.post(BODY)
        assert (answer.status, answer.json["reason"], answer.headers["retry-after"]) == (503, "OVERLOADED", "1")
        assert await api.rows("SELECT 1 FROM signal") == []
