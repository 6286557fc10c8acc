"""What every account of a market shares: its instruments, the live prices of all symbols, and the venue's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal

import structlog

from marketbot.domain.execution_report import VenueFault
from marketbot.domain.ids import Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.venue import Market
from marketbot.ports import Clock, VenueClient

PRICES_EVERY_S = 1.0
CLOCK_EVERY_S = 60.0
INSTRUMENTS_EVERY_S = 3600.0
RETRY_S = 1.0

log = structlog.get_logger(__name__)

Publish = Callable[[Market, Sequence[Instrument]], Awaitable[None]]


class MarketData:
    """One table a market, shared by all its accounts; each is replaced whole, never changed in place."""

    def __init__(self, clients: Mapping[Market, VenueClient], clock: Clock, publish: Publish) -> None:
        self._clients = clients
        self._clock = clock
        self._publish = publish
        self._instruments: dict[Market, dict[Symbol, Instrument]] = {}
        self._prices: dict[Market, tuple[dict[Symbol, Decimal], float]] = {}

    def instrument(self, market: Market, symbol: Symbol) -> Instrument | None:
        return self._instruments.get(market, {}).get(symbol)

    def reference(self, market: Market, symbol: Symbol) -> tuple[Decimal, float] | None:
        """Return the live price (quote per base) and its age in seconds, or None when there is none."""
        prices, read_s = self._prices.get(market, ({}, 0.0))
        price = prices.get(symbol)
        return None if price is None else (price, self._clock.monotonic() - read_s)

    def missing(self) -> list[Market]:
        """Return the markets that cannot be traded yet for want of instruments or prices."""
        return [market for market in self._clients if market not in self._instruments or market not in self._prices]

    async def load(self, market: Market) -> bool:
        """Read clock, instruments and prices of one market once; False when the venue did not answer all of it."""
        client = self._clients[market]
        clock = await client.sync_clock()
        return clock is None and await self._load_instruments(market) and await self._load_prices(market)

    async def run(self, market: Market) -> None:
        """Keep one market fresh until cancelled. A venue that is away leaves old data ageing, and entries are denied for it."""
        instruments_due_s = clock_due_s = 0.0
        while True:
            now_s = self._clock.monotonic()
            if now_s >= clock_due_s:
                clock_due_s = now_s + (RETRY_S if await self._clients[market].sync_clock() is not None else CLOCK_EVERY_S)
            if now_s >= instruments_due_s:
                instruments_due_s = now_s + (INSTRUMENTS_EVERY_S if await self._load_instruments(market) else RETRY_S)
            await self._load_prices(market)
            await self._clock.sleep(PRICES_EVERY_S)

    async def _load_instruments(self, market: Market) -> bool:
        answer = await self._clients[market].instruments()
        if isinstance(answer, VenueFault):
            log.warning("instruments_not_read", market=str(market), error_class=answer.error_class, code=answer.code)
            return False
        self._instruments[market] = {instrument.symbol: instrument for instrument in answer}
        await self._publish(market, answer)
        return True

    async def _load_prices(self, market: Market) -> bool:
        answer = await self._clients[market].prices()
        if isinstance(answer, VenueFault):
            log.warning("prices_not_read", market=str(market), error_class=answer.error_class, code=answer.code)
            return False
        self._prices[market] = (answer, self._clock.monotonic())
        return True


async def first_load(data: MarketData, markets: Sequence[Market]) -> None:
    """Load every market once, side by side."""
    await asyncio.gather(*(data.load(market) for market in markets))
