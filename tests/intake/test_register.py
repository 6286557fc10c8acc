"""The register of sources: how old it may be, and what happens while it cannot be read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from marketbot.intake.refused import StoreAway
from marketbot.intake.source import REGISTER_AGE_S, REGISTER_RETRY_S, REGISTER_STALE_S, Known, Register


class HandClock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)

    def monotonic(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds


class Shelf:
    """A store that counts its reads, and can be away or slow."""

    def __init__(self) -> None:
        self.reads = 0
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self) -> Known:
        self.reads += 1
        await self.gate.wait()
        if self.away:
            raise StoreAway("away")
        return Known({}, frozenset(), self.reads)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


async def test_a_read_serves_for_its_age_and_no_longer(clock: HandClock) -> None:
    shelf = Shelf()
    register = Register(shelf.load, clock)
    for _ in range(3):
        await register.read()
    assert shelf.reads == 1
    clock.at_s += REGISTER_AGE_S + 0.01
    assert (await register.read()).validation_window_s == 2
    assert (await register.read(max_age_s=0.0)).validation_window_s == 2  # no time has passed
    clock.at_s += 0.001
    assert (await register.read(max_age_s=0.0)).validation_window_s == 3


async def test_while_the_store_is_away_the_last_read_serves_for_a_while(clock: HandClock) -> None:
    shelf = Shelf()
    register = Register(shelf.load, clock)
    await register.read()
    shelf.away = True
    clock.at_s += 2.0
    for _ in range(5):
        assert (await register.read()).validation_window_s == 1
    assert shelf.reads == 2  # one try, then a pause
    clock.at_s += REGISTER_STALE_S
    with pytest.raises(StoreAway):
        await register.read()
    shelf.away = False
    clock.at_s += REGISTER_RETRY_S
    assert (await register.read()).validation_window_s == shelf.reads


async def test_nobody_queues_behind_a_slow_read(clock: HandClock) -> None:
    shelf = Shelf()
    register = Register(shelf.load, clock)
    await register.read()
    clock.at_s += 2.0
    shelf.gate.clear()
    slow = asyncio.create_task(register.read())
    await asyncio.sleep(0)
    assert (await register.read()).validation_window_s == 1
    shelf.gate.set()
    assert (await slow).validation_window_s == 2


async def test_without_any_read_there_is_nothing_to_go_by(clock: HandClock) -> None:
    shelf = Shelf()
    shelf.away = True
    register = Register(shelf.load, clock)
    for _ in range(3):
        with pytest.raises(StoreAway):
            await register.read()
    assert shelf.reads == 1
