"""Live events between instances: heard once, by whichever way is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from marketbot.cache import events as module
from marketbot.cache.events import EventBus, Subscription, TooManySubscriptions
from marketbot.cache.shared import Shared
from marketbot.ports import Event

from .conftest import Connect
from .store import DEADLINE_S, Store, until

Open = Callable[[Shared | None], Awaitable[EventBus]]


@pytest.fixture
async def instance(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Open the bus of one more instance, listening on every way there is."""
    monkeypatch.setattr(module, "RESUBSCRIBE_S", 0.02)
    buses: list[EventBus] = []
    pool = await asyncpg.create_pool(database, min_size=1, max_size=2)

    async def notify(channel: str, text: str) -> None:
        await pool.execute("SELECT pg_notify($1, $2)", channel, text)

    async def open_one(shared: Shared | None) -> EventBus:
        bus = EventBus(notify, database, shared)
        buses.append(bus)
        bus.start()
        async with asyncio.timeout(DEADLINE_S):
            await bus.listening.wait()
            if shared is not None:
                await bus.on_channel.wait()
        return bus

    yield open_one
    for bus in buses:
        await bus.close()
    await pool.close()


async def heard(subscription: Subscription, count: int) -> list[bytes | None]:
    async with asyncio.timeout(DEADLINE_S):
        return [(await anext(subscription)).payload for _ in range(count)]


async def test_every_instance_hears_once_what_concerns_it(connect: Connect, instance: Open) -> None:
    one, other = await instance(await connect()), await instance(await connect())
    here, there = one.subscribe(["user:7", "operator"]), other.subscribe(["user:7"])
    strangers = other.subscribe(["user:8"])
    # Just connected, so both ways are used: what comes twice is given out once.
    for n in range(5):
        await one.publish("user:7", b"%d" % n)
    await one.publish("operator", b"o")
    await other.publish("user:7", b"last")
    assert sorted(await heard(there, 6), key=str) == [b"0", b"1", b"2", b"3", b"4", b"last"]
    assert set(await heard(here, 7)) == {b"0", b"1", b"2", b"3", b"4", b"o", b"last"}
    await other.publish("user:8", b"end")
    assert await heard(strangers, 1) == [b"end"]


async def test_a_settled_store_carries_events_alone(connect: Connect, instance: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OVERLAP_S", 0.0)
    one, other = await instance(await connect()), await instance(await connect())
    said: list[str] = []

    async def notify(_channel: str, text: str) -> None:
        said.append(text)

    monkeypatch.setattr(one, "_notify", notify)
    there = other.subscribe(["t"])
    large = b"\x00\xff" * 20_000
    await one.publish("t", large)
    assert await heard(there, 1) == [large]
    await one.publish("t", b"x" * (module.MAX_PAYLOAD_BYTES + 1))
    assert await heard(there, 1) == [None]
    assert said == []


async def test_without_the_store_they_go_by_the_database_and_back(store: Store, connect: Connect, instance: Open) -> None:
    first, second = await connect(), await connect()
    one, other = await instance(first), await instance(second)
    there = other.subscribe(["t"])
    store.kill()
    # Not even the event that finds the store gone is lost.
    await one.publish("t", b"while away")
    assert await heard(there, 1) == [b"while away"]
    await one.publish("t", b"x" * 20_000)
    assert await heard(there, 1) == [None]
    store.start()
    await until(lambda: first.up and second.up)
    # Whether or not the other has found the store again.
    await one.publish("t", b"just back")
    # And who listens on a way that was away is told to look, for something may have been said there meanwhile.
    assert set(await heard(there, 2)) == {None, b"just back"}
    await until(lambda: one.on_channel.is_set() and other.on_channel.is_set())
    module.OVERLAP_S, overlap_s = 0.0, module.OVERLAP_S
    try:
        await one.publish("t", b"on the channel")
    finally:
        module.OVERLAP_S = overlap_s
    assert await heard(there, 1) == [b"on the channel"]


async def test_an_installation_without_a_store_has_events_too(instance: Open) -> None:
    one, other = await instance(None), await instance(None)
    there = other.subscribe(["t"])
    await one.publish("t", b"hello")
    assert await heard(there, 1) == [b"hello"]


async def test_nonsense_on_the_channel_is_no_event(database: str, instance: Open) -> None:
    bus = await instance(None)
    there = bus.subscribe(["t"])
    connection = await asyncpg.connect(database)
    for text in ("not json", "[1,2]", '{"topic":"t"}'):
        await connection.execute("SELECT pg_notify($1, $2)", module.NOTIFY_CHANNEL, text)
    await connection.close()
    await bus.publish("t", b"sense")
    assert await heard(there, 1) == [b"sense"]


async def test_a_slow_reader_loses_the_oldest_and_knows(instance: Open) -> None:
    bus = await instance(None)
    slow = bus.subscribe(["t"])
    for n in range(module.MAX_QUEUED + 3):
        slow.put(Event("t", b"%d" % n))
    assert slow.dropped == 3
    assert await heard(slow, 1) == [b"3"]
    assert f"of {module.MAX_QUEUED} waiting" in repr(slow)


async def test_subscriptions_are_bounded_and_end(instance: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SUBSCRIPTIONS", 1)
    bus = await instance(None)
    only = bus.subscribe(["t"])
    with pytest.raises(TooManySubscriptions):
        bus.subscribe(["t"])
    reading = asyncio.create_task(anext(only, None))
    only.close()
    only.close()
    assert await reading is None
    assert repr(bus).startswith("<EventBus 0 of 1")
    bus.subscribe(["t"])
