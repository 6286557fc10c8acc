"""What is read of a market serves this process, whatever the database does meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import cast

import pytest

from marketbot.clock import SystemClock
from marketbot.domain.ids import Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.venue import BYBIT, Environment, Market
from marketbot.ports import VenueClient
from marketbot.workers.market_data import MarketData

MARKET = Market(BYBIT, Environment.MAINNET)
BTC = Symbol("BTCUSDT")
LISTED = [Instrument(BTC, "BTCUSDT", Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(120), Decimal(5))]


class Venue:
    async def sync_clock(self) -> None:
        return None

    async def instruments(self) -> Sequence[Instrument]:
        return LISTED

    async def prices(self) -> dict[Symbol, Decimal]:
        return {BTC: Decimal("111245.60")}


class Database:
    """Where the lists are written; ``error`` is what it answers with."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.written = 0

    async def publish(self, _market: Market, _instruments: Sequence[Instrument]) -> None:
        if self.error is not None:
            raise self.error
        self.written += 1


async def test_a_database_that_is_away_ends_no_reading_of_a_market() -> None:
    database = Database()
    data = MarketData(lambda _market: cast(VenueClient, Venue()), SystemClock(), database.publish)
    database.error = TimeoutError()
    assert not await data.load(MARKET)
    assert data.instruments.get(MARKET, BTC) == LISTED[0]
    database.error = None
    assert await data.load(MARKET)
    assert database.written == 1


async def test_what_is_no_absence_of_the_database_is_seen() -> None:
    database = Database()
    database.error = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        await MarketData(lambda _market: cast(VenueClient, Venue()), SystemClock(), database.publish).load(MARKET)
