"""Taking a signal exactly once, on the real database."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from marketbot.domain.ids import SourceId, Symbol
from marketbot.domain.signal import Action, Signal
from marketbot.domain.venue import BINANCE, BYBIT, Environment, Market
from marketbot.store import instruments, sources
from marketbot.store.pool import Connection, Pool, connect, open_pool
from marketbot.store.signals import Accepted, accept_signal

SECRET = "a-secret-that-is-long-enough"
DIGEST = sources.digest_secret(SECRET)
SIGNAL = Signal(Action.OPEN_LONG, Symbol("BTCUSDT"), price=Decimal("0.1000000000000000055"))


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database, name="test", size=8)
    yield opened
    await opened.close()


@pytest.fixture
async def source(pool: Pool) -> SourceId:
    async with pool.acquire() as connection:
        return await sources.create_webhook_source(connection, "room", SECRET)


async def take(
    pool: Pool, source: SourceId, *, body: str = "body", key: str | None = None, digest: bytes = DIGEST
) -> Accepted | None:
    signal = Signal(SIGNAL.action, SIGNAL.symbol, price=SIGNAL.price, dedup_key=key)
    async with pool.acquire() as connection:
        return await accept_signal(connection, source, digest, signal, body, hashlib.sha256(body.encode()).digest())


async def test_of_many_equal_bodies_at_once_one_is_taken(pool: Pool, source: SourceId) -> None:
    found = await asyncio.gather(*(take(pool, source) for _ in range(24)))
    taken = [accepted for accepted in found if accepted is not None]
    assert len(taken) == 24
    assert len({accepted.signal_id for accepted in taken}) == 1
    assert [accepted.repeated for accepted in taken].count(False) == 1


async def test_of_many_equal_keys_at_once_one_is_taken(pool: Pool, source: SourceId) -> None:
    found = await asyncio.gather(*(take(pool, source, key="k", body=f"body {n}") for n in range(24)))
    taken = [accepted for accepted in found if accepted is not None]
    assert len({accepted.signal_id for accepted in taken}) == 1
    assert [accepted.repeated for accepted in taken].count(False) == 1


async def test_the_window_counts_from_the_first(pool: Pool, source: SourceId) -> None:
    first = await take(pool, source)
    assert first is not None
    await pool.execute("UPDATE signal SET received_at = received_at - interval '299 seconds'")
    assert await take(pool, source) == Accepted(first.signal_id, True)
    await pool.execute("UPDATE signal SET received_at = received_at - interval '2 seconds'")
    second = await take(pool, source)
    assert second is not None
    assert not second.repeated
    assert second.signal_id != first.signal_id
    assert await take(pool, source) == Accepted(second.signal_id, True)


async def test_a_key_is_remembered_for_ever(pool: Pool, source: SourceId) -> None:
    first = await take(pool, source, key="k")
    assert first is not None
    await pool.execute("UPDATE signal SET received_at = received_at - interval '1 year'")
    assert await take(pool, source, key="k", body="another") == Accepted(first.signal_id, True)


async def test_a_window_of_zero_takes_every_body(pool: Pool, source: SourceId) -> None:
    await pool.execute("UPDATE source SET dedup_window_s = 0")
    found = [await take(pool, source) for _ in range(3)]
    assert [accepted.repeated for accepted in found if accepted is not None] == [False] * 3


async def test_sources_do_not_share_repeats(pool: Pool, source: SourceId) -> None:
    async with pool.acquire() as connection:
        other = await sources.create_webhook_source(connection, "other", SECRET)
    for key in (None, "k"):
        first, second = await take(pool, source, key=key), await take(pool, other, key=key)
        assert first is not None
        assert second is not None
        assert not second.repeated


async def test_a_disabled_source_and_an_old_secret_take_nothing(pool: Pool, source: SourceId) -> None:
    async with pool.acquire() as connection:
        assert await sources.rotate_secret(connection, "room", "another-secret-long-enough")
    assert await take(pool, source) is None
    fresh = sources.digest_secret("another-secret-long-enough")
    async with pool.acquire() as connection:
        assert await sources.set_enabled(connection, "room", False)
    assert await take(pool, source, digest=fresh) is None
    assert await pool.fetchval("SELECT count(*) FROM signal") == 0


async def test_a_taken_signal_wakes_the_planner_and_a_repeat_does_not(database: str, pool: Pool, source: SourceId) -> None:
    heard: list[str] = []
    arrived = asyncio.Event()

    def note(_connection: object, _pid: object, channel: str, payload: object) -> None:
        heard.append(f"{channel}{payload}")
        arrived.set()

    ear: Connection = await connect(database, name="ear")
    try:
        await ear.add_listener("signal", note)
        await take(pool, source)
        await take(pool, source)
        async with asyncio.timeout(5):
            await arrived.wait()
        # A notification of its own, after which any earlier one must have come.
        await ear.execute("NOTIFY signal, 'last'")
        async with asyncio.timeout(5):
            while "signallast" not in heard:
                arrived.clear()
                await arrived.wait()
        assert heard == ["signal", "signallast"]
    finally:
        await ear.close()


async def test_digits_survive_the_database(pool: Pool, source: SourceId) -> None:
    await take(pool, source)
    assert await pool.fetchval("SELECT price FROM signal") == SIGNAL.price


async def test_known_symbols_follow_the_markets_lists(pool: Pool) -> None:
    binance, bybit = Market(BINANCE, Environment.MAINNET), Market(BYBIT, Environment.TESTNET)
    async with pool.acquire() as connection:
        assert await instruments.known_symbols(connection) == frozenset()
        await instruments.replace_known_symbols(connection, binance, [Symbol("A"), Symbol("B"), Symbol("A")])
        await instruments.replace_known_symbols(connection, bybit, [Symbol("B"), Symbol("C")])
        assert await instruments.known_symbols(connection) == {"A", "B", "C"}
        await instruments.replace_known_symbols(connection, binance, [Symbol("D")])
        assert await instruments.known_symbols(connection) == {"B", "C", "D"}


async def test_a_short_secret_is_no_secret(pool: Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(sources.SecretTooShort):
            await sources.create_webhook_source(connection, "weak", "short")
