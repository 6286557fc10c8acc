"""What is cached, with the size and age of each. A value that may cost money when it is stale says its age to whoever reads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

from marketbot.cache.shared_cache import Namespace, SharedCache
from marketbot.domain.execution_report import VenueFault
from marketbot.domain.ids import Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.venue import Market

MAX_MARKETS = 64
MAX_TABLE_BYTES = 4 * 1024 * 1024

INSTRUMENTS: Namespace[Sequence[Instrument] | VenueFault] = Namespace(
    "instruments", list[Instrument], MAX_MARKETS, MAX_TABLE_BYTES, process_age_s=0.0, shared_age_s=1800.0
)
"""A market's list. Each process has its own table, read anew every hour, so nothing of it is kept twice here."""

PRICES: Namespace[dict[Symbol, Decimal] | VenueFault] = Namespace(
    "prices", dict[str, Decimal], MAX_MARKETS, MAX_TABLE_BYTES, process_age_s=0.0, shared_age_s=0.9
)
"""All prices of a market. Younger than the pause between two readings, so that somebody always reads the venue."""

PROFILES: Namespace[dict[str, str]] = Namespace(
    "profiles", dict[str, str], 10_000, 16 * 1024, process_age_s=5.0, shared_age_s=60.0
)
"""What is shown of a user, by user id. Never what decides whether a request may pass: a right that was taken away ends at once."""


class SharedTables:
    """Fulfils ``workers.market_data.Tables``: one process reads a venue, and the others take what it read."""

    def __init__(self, cache: SharedCache) -> None:
        self._cache = cache

    async def instruments(
        self, market: Market, load: Callable[[], Awaitable[Sequence[Instrument] | VenueFault]]
    ) -> tuple[Sequence[Instrument] | VenueFault, float]:
        found = await self._cache.get(INSTRUMENTS, str(market), load, keep=_is_answer)
        return found.value, found.age_s

    async def prices(
        self, market: Market, load: Callable[[], Awaitable[dict[Symbol, Decimal] | VenueFault]]
    ) -> tuple[dict[Symbol, Decimal] | VenueFault, float]:
        found = await self._cache.get(PRICES, str(market), load, keep=_is_answer)
        return found.value, found.age_s


def _is_answer(value: object) -> bool:
    return not isinstance(value, VenueFault)
