"""What every account of a market shares: its instruments, the live prices of all symbols, and the venue's clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Protocol

import structlog

from marketbot.domain.execution_report import VenueFault
from marketbot.domain.ids import Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.venue import Market
from marketbot.ports import Clock, VenueClient
from marketbot.store.pool import is_unavailable

PRICES_EVERY_S = 1.0
CLOCK_EVERY_S = 60.0
INSTRUMENTS_EVERY_S = 3600.0
WARM_EVERY_S = 15.0
"""Well under the idle time after which sockets are given up."""
RETRY_S = 1.0

log = structlog.get_logger(__name__)

Publish = Callable[[Market, Sequence[Instrument]], Awaitable[None]]


class Tables(Protocol):
    """Where processes that read the same markets leave their readings for each other. Each comes with its age in seconds; whatever
    is wrong with the place, ``load`` is called.
    """

    async def instruments(
        self, market: Market, load: Callable[[], Awaitable[Sequence[Instrument] | VenueFault]]
    ) -> tuple[Sequence[Instrument] | VenueFault, float]: ...

    async def prices(
        self, market: Market, load: Callable[[], Awaitable[dict[Symbol, Decimal] | VenueFault]]
    ) -> tuple[dict[Symbol, Decimal] | VenueFault, float]: ...


class InstrumentTable:
    """What every market lists; one table a market, shared by all its accounts, replaced whole."""

    def __init__(self) -> None:
        self.of_market: dict[Market, dict[Symbol, Instrument]] = {}

    def get(self, market: Market, symbol: Symbol) -> Instrument | None:
        return self.of_market.get(market, {}).get(symbol)


class PriceTable:
    """The live price of every symbol of every market, with the moment it was read."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.of_market: dict[Market, tuple[dict[Symbol, Decimal], float]] = {}

    def get(self, market: Market, symbol: Symbol) -> tuple[Decimal, float] | None:
        """Return the live price (quote per base) and its age in seconds, or None when there is none."""
        prices, read_s = self.of_market.get(market, ({}, 0.0))
        price = prices.get(symbol)
        return None if price is None else (price, self._clock.monotonic() - read_s)


class MarketData:
    """Reads the tables of every market from its venue, one request for all symbols."""

    def __init__(
        self, clients: Callable[[Market], VenueClient], clock: Clock, publish: Publish, tables: Tables | None = None
    ) -> None:
        self._client = clients
        self._clock = clock
        self._publish = publish
        self._tables = tables
        self.instruments = InstrumentTable()
        self.prices = PriceTable(clock)

    def is_loaded(self, market: Market) -> bool:
        """Tell whether a market can be traded: its instruments and prices have been read."""
        return market in self.instruments.of_market and market in self.prices.of_market

    async def load(self, market: Market) -> bool:
        """Read clock, instruments and prices of one market once; False when the venue did not answer all of it."""
        client = self._client(market)
        clock = await client.sync_clock()
        return clock is None and await self._load_instruments(market) and await self._load_prices(market)

    async def run(self, market: Market, *, loaded: bool = False) -> None:
        """Keep one market fresh until cancelled; ``loaded``: it has just been read in full.

        A venue that is away leaves old data ageing, and entries are denied for it.
        """
        now_s = self._clock.monotonic()
        clock_due_s, instruments_due_s = (now_s + CLOCK_EVERY_S, now_s + INSTRUMENTS_EVERY_S) if loaded else (0.0, 0.0)
        warm_due_s = 0.0
        while True:
            now_s = self._clock.monotonic()
            if now_s >= clock_due_s:
                clock_due_s = now_s + (RETRY_S if await self._client(market).sync_clock() is not None else CLOCK_EVERY_S)
            if now_s >= instruments_due_s:
                instruments_due_s = now_s + (INSTRUMENTS_EVERY_S if await self._load_instruments(market) else RETRY_S)
            if now_s >= warm_due_s:
                warm_due_s = now_s + WARM_EVERY_S
                await self._client(market).keep_warm()
            await self._load_prices(market)
            await self._clock.sleep(PRICES_EVERY_S)

    async def _load_instruments(self, market: Market) -> bool:
        load = self._client(market).instruments
        answer = await load() if self._tables is None else (await self._tables.instruments(market, load))[0]
        if isinstance(answer, VenueFault):
            log.warning("instruments_not_read", market=str(market), error_class=answer.error_class, code=answer.code)
            return False
        self.instruments.of_market[market] = {instrument.symbol: instrument for instrument in answer}
        try:
            await self._publish(market, answer)
        except Exception as error:
            if not is_unavailable(error):
                raise
            log.warning("instruments_not_published", market=str(market), error=type(error).__name__)
            return False
        return True

    async def _load_prices(self, market: Market) -> bool:
        load = self._client(market).prices
        answer, age_s = (await load(), 0.0) if self._tables is None else await self._tables.prices(market, load)
        if isinstance(answer, VenueFault):
            log.warning("prices_not_read", market=str(market), error_class=answer.error_class, code=answer.code)
            return False
        self.prices.of_market[market] = (answer, self._clock.monotonic() - age_s)
        return True
