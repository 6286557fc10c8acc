"""Two levels of cache: one load for all who wait, bounds that hold, ages that tell the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.venues.clocks import HandClock

from marketbot.cache import shared_cache
from marketbot.cache.namespaces import INSTRUMENTS, PROFILES
from marketbot.cache.shared_cache import Namespace, SharedCache
from marketbot.clock import SystemClock
from marketbot.domain.ids import Symbol
from marketbot.domain.instrument import Instrument
from marketbot.observability.shared_metrics import SharedUse

from .conftest import Connect
from .store import Store

SPACE: Namespace[dict[str, Decimal]] = Namespace("test", dict[str, Decimal], 3, 1024, process_age_s=60.0, shared_age_s=600.0)
EXACT = {"a": Decimal("0.1000"), "b": Decimal("123456789012345678901234567890.000000000001"), "c": Decimal("1E-9")}


class Source:
    """Answers when it is told to, and counts."""

    def __init__(self, value: dict[str, Decimal] | None = None, *, open_: bool = True) -> None:
        self.value = EXACT if value is None else value
        self.calls = 0
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        if open_:
            self.gate.set()

    async def __call__(self) -> dict[str, Decimal]:
        self.calls += 1
        self.asked.set()
        await self.gate.wait()
        return self.value


def exactly(value: dict[str, Decimal]) -> dict[str, str]:
    return {name: str(each) for name, each in value.items()}


async def test_decimals_come_back_to_the_last_digit(connect: Connect) -> None:
    one, other = SharedCache(SystemClock(), await connect()), SharedCache(SystemClock(), await connect())
    await one.get(SPACE, "k", Source())
    unasked = Source({})
    found = await other.get(SPACE, "k", unasked)
    assert exactly(found.value) == exactly(EXACT)
    assert unasked.calls == 0
    assert 0 <= found.age_s < SPACE.shared_age_s


async def test_instruments_come_back_whole(connect: Connect) -> None:
    listed = [
        Instrument(Symbol("BTCUSDT"), "BTCUSDT", Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(120), Decimal(5))
    ]

    async def load() -> list[Instrument]:
        return listed

    async def never() -> list[Instrument]:
        raise AssertionError

    await SharedCache(SystemClock(), await connect()).get(INSTRUMENTS, "m", load)
    found = await SharedCache(SystemClock(), await connect()).get(INSTRUMENTS, "m", never)
    assert found.value == listed
    assert repr(found.value) == repr(listed)


async def test_all_who_wait_in_a_process_share_one_load() -> None:
    cache, source = SharedCache(SystemClock()), Source(open_=False)
    waiting = [asyncio.create_task(cache.get(SPACE, "k", source)) for _ in range(50)]
    await source.asked.wait()
    assert f"1 of {shared_cache.MAX_FLIGHTS} loading" in repr(cache)
    # One that goes away takes nothing from the others.
    waiting[0].cancel()
    source.gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(not isinstance(each, BaseException) and each.value == EXACT for each in found[1:])
    assert source.calls == 1


async def test_processes_wait_for_each_other_a_little(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_cache, "LOCK_POLLS", 10_000)
    monkeypatch.setattr(shared_cache, "MAX_LOCK_S", 60.0)
    one, other = SharedCache(SystemClock(), await connect()), SharedCache(SystemClock(), await connect())
    source = Source(open_=False)
    first = asyncio.create_task(one.get(SPACE, "k", source))
    await source.asked.wait()
    second = asyncio.create_task(other.get(SPACE, "k", source))
    source.gate.set()
    assert (await first).value == (await second).value
    assert source.calls == 1


async def test_who_dies_while_loading_holds_nobody_up_for_long(connect: Connect) -> None:
    one, other = SharedCache(SystemClock(), await connect()), SharedCache(SystemClock(), await connect())
    dying = Source(open_=False)
    held = asyncio.create_task(one.get(SPACE, "k", dying))
    await dying.asked.wait()
    assert (await other.get(SPACE, "k", Source())).value == EXACT
    dying.gate.set()
    await held


async def test_what_fails_is_told_to_all_and_kept_by_none() -> None:
    cache = SharedCache(SystemClock())
    gate = asyncio.Event()

    async def fail() -> dict[str, Decimal]:
        await gate.wait()
        raise ConnectionError("canary")

    waiting = [asyncio.create_task(cache.get(SPACE, "k", fail)) for _ in range(3)]
    gate.set()
    for task in waiting:
        with pytest.raises(ConnectionError):
            await task
    assert (await cache.get(SPACE, "k", Source())).value == EXACT


async def test_what_is_no_answer_is_not_kept(connect: Connect) -> None:
    cache, source = SharedCache(SystemClock(), await connect()), Source()
    for _ in range(2):
        await cache.get(SPACE, "k", source, keep=lambda _value: False)
    assert source.calls == 2


async def test_the_process_keeps_the_last_used_and_nothing_for_too_long() -> None:
    clock = HandClock()
    cache, source = SharedCache(clock), Source()
    for key in ("a", "b", "c", "a", "d"):
        await cache.get(SPACE, key, source)
    assert "3 test" in repr(cache)
    assert source.calls == 4
    await cache.get(SPACE, "a", source)
    assert source.calls == 4
    await cache.get(SPACE, "b", source)
    assert source.calls == 5
    await clock.advance(59.0)
    assert (await cache.get(SPACE, "a", source)).age_s == pytest.approx(59.0)
    await clock.advance(1.0)
    assert (await cache.get(SPACE, "a", source)).age_s == 0.0
    assert source.calls == 6


async def test_the_time_a_load_took_is_part_of_its_age() -> None:
    clock = HandClock()
    cache = SharedCache(clock)

    async def slow() -> dict[str, Decimal]:
        await clock.advance(7.0)
        return EXACT

    assert (await cache.get(SPACE, "k", slow)).age_s == pytest.approx(7.0)
    assert (await cache.get(SPACE, "k", Source())).age_s == pytest.approx(7.0)


async def test_an_age_in_the_store_is_told_by_the_stores_own_clock(connect: Connect) -> None:
    shared = await connect()
    brief = replace(SPACE, process_age_s=0.0)
    await SharedCache(SystemClock(), shared).get(brief, "k", Source())
    await shared.run(SharedUse.CACHE, lambda client: client.pexpire(f"{shared_cache.PREFIX}:test:k", 200_000))
    # The reader's clock stands still, and is years away from the writer's.
    found = await SharedCache(HandClock(), await connect()).get(brief, "k", Source({}))
    assert 400.0 <= found.age_s < 500.0


async def test_strange_and_oversized_values_are_as_good_as_none(connect: Connect) -> None:
    shared = await connect()
    brief = replace(SPACE, process_age_s=0.0)
    cache, source = SharedCache(SystemClock(), shared), Source()
    name = f"{shared_cache.PREFIX}:test:k"
    for body in (b"\xc1 not msgpack", b"\x93\x01\x02\x03", b"\x81\xa1a" + b"\xd9\xff" + b"1" * 255 + b"0" * 2000):
        await shared.run(SharedUse.CACHE, lambda client, body=body: client.set(name, body, px=60_000))  # type: ignore[misc]
        assert (await cache.get(brief, "k", source)).value == EXACT
    assert source.calls == 3
    large = Source({f"symbol {n}": Decimal(n) for n in range(1000)})
    for _ in range(2):
        await cache.get(brief, "large", large)
    assert large.calls == 2


async def test_what_is_forgotten_is_loaded_anew(connect: Connect) -> None:
    shared = await connect()
    cache = SharedCache(SystemClock(), shared)

    def name(text: str) -> Callable[[], Awaitable[dict[str, str]]]:
        async def load() -> dict[str, str]:
            return {"name": text}

        return load

    await cache.get(PROFILES, "7", name("old"))
    assert (await cache.get(PROFILES, "7", name("new"))).value == {"name": "old"}
    await cache.forget(PROFILES, "7")
    assert (await cache.get(PROFILES, "7", name("new"))).value == {"name": "new"}


async def test_without_the_store_everything_is_loaded_here(store: Store, connect: Connect) -> None:
    cache, source = SharedCache(SystemClock(), await connect()), Source()
    store.kill()
    for _ in range(3):
        assert (await cache.get(SPACE, "k", source)).value == EXACT
    await cache.forget(SPACE, "k")
    assert source.calls == 1
