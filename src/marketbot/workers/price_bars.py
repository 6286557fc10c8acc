"""Keeps how prices went, for charts: what the engine reads of its markets anyway, gathered to minutes and written now and then.

It asks no venue for anything and no order waits for it: while orders are on their way nothing is written, and what finds no room is
dropped and counted. Every executor gathers, for it may become the one that writes at any moment; only the owner of the first slot writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from marketbot.domain.ids import Symbol
from marketbot.domain.price_bar import Bar, minute_of
from marketbot.domain.venue import Market
from marketbot.observability import metrics
from marketbot.ports import Clock
from marketbot.store.pool import Pool, is_unavailable
from marketbot.store.price_bars import BarKey, watched, write_bars
from marketbot.workers.market_data import PriceTable

LOOK_S = 1.0
WRITE_EVERY_S = 5.0
WATCH_EVERY_S = 60.0
WRITE_TIMEOUT_S = 2.0
"""For a connection of the pool and the statement together: orders need both more."""
WAITING_MAX = 2_000
"""Bars in hand; of those beyond it the oldest are dropped."""

log = structlog.get_logger(__name__)


class PriceBars:
    """Gathers prices and writes bars.

    Args:
        writes: whether this engine is the one that writes.
        is_busy: whether orders are on their way.
    """

    def __init__(
        self, pool: Pool, prices: PriceTable, clock: Clock, writes: Callable[[], bool], is_busy: Callable[[], bool]
    ) -> None:
        self._pool = pool
        self._prices = prices
        self._clock = clock
        self._writes = writes
        self._is_busy = is_busy
        self._watched: Mapping[Market, set[Symbol]] = {}
        self._seen: dict[Market, float] = {}
        self._bars: dict[BarKey, Bar] = {}
        self._unwritten: set[BarKey] = set()

    def __repr__(self) -> str:
        return f"<PriceBars {len(self._bars)} of {WAITING_MAX} in hand>"

    async def run(self) -> None:
        """Gather and write until cancelled."""
        watch_due_s = write_due_s = 0.0
        while True:
            now_s = self._clock.monotonic()
            if now_s >= watch_due_s and self._prices.of_market:
                watch_due_s = now_s + WATCH_EVERY_S
                await self.watch()
            self.gather()
            if now_s >= write_due_s:
                write_due_s = now_s + WRITE_EVERY_S
                await self.write()
            await self._clock.sleep(LOOK_S)

    async def watch(self) -> None:
        """Learn which instruments' prices are kept; what was known stays while the store is away."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S), self._pool.acquire() as connection:
                self._watched = await watched(connection, list(self._prices.of_market))
        except Exception as error:
            if not is_unavailable(error):
                raise

    def gather(self) -> None:
        """Add what was read of each market since the last look."""
        minute = minute_of(self._clock.now())
        for market, (prices, read_s) in self._prices.of_market.items():
            if self._seen.get(market) == read_s:
                continue
            self._seen[market] = read_s
            for symbol in self._watched.get(market, ()):
                price = prices.get(symbol)
                if price is None or price <= 0:
                    continue
                key = BarKey(market, symbol, minute)
                before = self._bars.get(key)
                after = Bar.begun(price) if before is None else before.with_price(price)
                if after is not before:
                    self._bars[key] = after
                    self._unwritten.add(key)
        self._make_room()

    async def write(self) -> None:
        """Write what changed, if this engine is to and nothing more urgent is; forget the minutes that are over."""
        if not self._writes():
            self._unwritten.clear()
        elif self._unwritten and not self._is_busy():
            written = {key: self._bars[key] for key in self._unwritten}
            try:
                async with asyncio.timeout(WRITE_TIMEOUT_S), self._pool.acquire() as connection:
                    await write_bars(connection, written.items())
                self._unwritten -= written.keys()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.info("price_bars_not_written", error=type(error).__name__, bars=len(written))
        now = minute_of(self._clock.now())
        for key in [key for key in self._bars if key.minute < now and key not in self._unwritten]:
            del self._bars[key]

    def _make_room(self) -> None:
        """Drop the oldest bars beyond the bound: the first in the mapping, for minutes come in order."""
        over = len(self._bars) - WAITING_MAX
        for key in list(self._bars)[: max(over, 0)]:
            del self._bars[key]
            if key in self._unwritten:
                self._unwritten.discard(key)
                metrics.count_price_bars_dropped(1)
