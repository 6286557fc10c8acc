"""Several engines read a venue's tables once, and a price keeps the time of its reading."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

import pytest
from tests.venues.clocks import HandClock

from marketbot.cache.namespaces import PRICES, SharedTables
from marketbot.cache.shared import Shared
from marketbot.cache.shared_cache import PREFIX, SharedCache
from marketbot.clock import SystemClock
from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.ids import Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.venue import BYBIT, Environment, Market
from marketbot.observability.shared_metrics import SharedUse
from marketbot.ports import VenueClient
from marketbot.workers.market_data import PRICES_EVERY_S, MarketData

from .conftest import Connect
from .store import Store

MARKET = Market(BYBIT, Environment.MAINNET)
BTC = Symbol("BTCUSDT")
LISTED = [Instrument(BTC, "BTCUSDT", Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(120), Decimal(5))]
FAULT = VenueFault(next(iter(ErrorClass)))


class Venue:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fault: VenueFault | None = None

    async def sync_clock(self) -> None:
        return None

    async def instruments(self) -> Sequence[Instrument] | VenueFault:
        self.asked.append("instruments")
        return self.fault or LISTED

    async def prices(self) -> dict[Symbol, Decimal] | VenueFault:
        self.asked.append("prices")
        return self.fault or {BTC: Decimal("111245.60")}


def engine(venue: Venue, shared: Shared, clock: Any) -> MarketData:
    async def publish(_market: Market, _instruments: Sequence[Instrument]) -> None:
        return

    tables = SharedTables(SharedCache(SystemClock(), shared))
    return MarketData(lambda _market: cast(VenueClient, venue), clock, publish, tables)


async def keep(shared: Shared, milliseconds: int) -> None:
    """Say how long what is stored of the prices is still good for."""
    name = f"{PREFIX}:{PRICES.name}:{MARKET}"
    await shared.run(SharedUse.CACHE, lambda client: client.pexpire(name, milliseconds))


async def test_the_second_engine_asks_the_venue_for_no_list(connect: Connect) -> None:
    venue = Venue()
    first, second = await connect(), await connect()
    one, other = engine(venue, first, HandClock()), engine(venue, second, HandClock())
    assert await one.load(MARKET)
    assert await other.load(MARKET)
    assert venue.asked.count("instruments") == 1
    assert other.instruments.get(MARKET, BTC) == LISTED[0]


async def test_a_price_from_another_engine_is_as_old_as_its_reading(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    # Long enough for a slow machine, so that the age is all that is tested.
    monkeypatch.setattr("marketbot.cache.namespaces.PRICES", type(PRICES)(PRICES.name, PRICES.shape, 64, 10_000, 0.0, 600.0))
    venue = Venue()
    first = await connect()
    one, other = engine(venue, first, HandClock()), engine(venue, await connect(), HandClock())
    assert await one.load(MARKET)
    assert one.prices.get(MARKET, BTC) == (Decimal("111245.60"), pytest.approx(0.0, abs=60.0))
    await keep(first, 500_000)
    assert await other.load(MARKET)
    assert venue.asked.count("prices") == 1
    found = other.prices.get(MARKET, BTC)
    assert found is not None
    assert str(found[0]) == "111245.60"
    assert 100.0 <= found[1] < 200.0


def test_a_shared_price_is_gone_before_the_next_reading_is_due() -> None:
    assert PRICES.shared_age_s < PRICES_EVERY_S
    assert PRICES.process_age_s == 0.0


async def test_without_the_store_each_engine_reads_the_venue(store: Store, connect: Connect) -> None:
    venue = Venue()
    one, other = engine(venue, await connect(), HandClock()), engine(venue, await connect(), HandClock())
    store.kill()
    assert await one.load(MARKET)
    assert await other.load(MARKET)
    assert venue.asked.count("instruments") == venue.asked.count("prices") == 2


async def test_a_fault_is_nobody_elses_answer(connect: Connect) -> None:
    venue = Venue()
    one, other = engine(venue, await connect(), HandClock()), engine(venue, await connect(), HandClock())
    venue.fault = FAULT
    assert not await one.load(MARKET)
    venue.fault = None
    assert await other.load(MARKET)
