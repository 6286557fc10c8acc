"""Goes round the accounts: at once where a stop or target must have fired, soon where an order is in doubt, often where something is held,
slowly everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

import structlog

from marketbot.domain.ids import AccountId, Symbol
from marketbot.domain.venue import BINANCE, BYBIT, Market, Venue
from marketbot.ports import Clock, Owned, OwnsAll, VenueClient
from marketbot.reconciliation.reconcile import Reconciler
from marketbot.store import positions as rows
from marketbot.store.pool import Pool, is_unavailable
from marketbot.store.positions import AccountPlace

AT_ONCE_PER_MARKET = 16
CROSSED_EVERY_S = 1.0
CROSSED_PAGE = 2_000
CROSSED_AGAIN_S = 5.0
"""An account whose price is still beyond its stop after a look is looked at again after this long."""
DOUBT_EVERY_S = 2.0
DOUBT_AFTER = timedelta(seconds=10)
"""An order in doubt for so long, on which nobody works any more, is asked for: well before the alarm at 30 s."""
DOUBT_PAGE = 200
DOUBT_AGAIN_S = (5.0, 10.0, 20.0, 40.0)
"""Waits before further looks at an account that a look has left in doubt; the last repeats."""
HOLDING_EVERY_S = 30.0
ALL_EVERY_S = 1_800.0
ALL_PAGE = 500
LOOKS_PER_EGRESS_S: Mapping[Venue, float] = {BINANCE: 1.0, BYBIT: 5.0}
"""Looks a second through one source address that the rounds may spend: a small part of what the venues' limits leave
(Binance: a look weighs 7 of 2,400 a minute; Bybit: it is one of 600 requests in five seconds)."""
LOOKS_PER_EGRESS_OTHERS_S = 0.5
MIN_SHARE = 0.05
"""Of an address of which this process lost all just now: what it waits to look at there is left to its new owner in the end."""
STAND_ASIDE_POLL_S = 0.25
STAND_ASIDE_MAX_S = 10.0
"""How long a round lets orders go first; a queue that never empties must not stop it for ever."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Again:
    """When an account in doubt is looked at next, and how many looks have left it so."""

    at_s: float
    looks: int


class Prices(Protocol):
    """The live prices, as the market data worker keeps them."""

    def get(self, market: Market, symbol: Symbol) -> tuple[Decimal, float] | None: ...


class Sweep:
    """Four rounds, side by side: crossed, doubtful, holding, all. An account that somebody works on is left for the next round."""

    def __init__(
        self,
        reconciler: Reconciler,
        pool: Pool,
        clients: Mapping[Market, VenueClient],
        prices: Prices,
        clock: Clock,
        *,
        looks_per_egress_s: Mapping[Venue, float] = LOOKS_PER_EGRESS_S,
        is_busy: Callable[[], bool] = lambda: False,
        owned: Owned | None = None,
    ) -> None:
        self._reconciler = reconciler
        self._pool = pool
        self._clients = clients
        self._prices = prices
        self._clock = clock
        self._looks = looks_per_egress_s
        self._is_busy = is_busy
        self._owned = owned or OwnsAll()
        self._slots: dict[Market, asyncio.Semaphore] = {}
        self._gate = asyncio.Lock()
        self._free_at_s: dict[tuple[Market, int], float] = {}
        self._doubt_free_at_s: dict[tuple[Market, int], float] = {}
        self._doubtful: dict[AccountId, _Again] = {}  # as many as are in doubt
        self._crossed_at_s: dict[AccountId, float] = {}
        self.looked = 0
        """Accounts looked at since the start."""

    def __repr__(self) -> str:
        return f"<Sweep looked={self.looked} crossed={len(self._crossed_at_s)}>"

    async def run(self) -> None:
        """Go round until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(CROSSED_EVERY_S, self.look_at_crossed), name="sweep-crossed")
            group.create_task(self._every(DOUBT_EVERY_S, self.look_at_doubtful), name="sweep-doubtful")
            group.create_task(self._every(HOLDING_EVERY_S, self.look_at_holding), name="sweep-holding")
            group.create_task(self._every(ALL_EVERY_S, self.look_at_all), name="sweep-all")

    async def look_at_crossed(self) -> int:
        """Look at the accounts whose stop or target lies beyond the live price; the venue has closed their position, or is about
        to. Not held to the rounds' budget: how many there are follows from the market, and each is looked at once in a while."""
        now_s = self._clock.monotonic()
        self._crossed_at_s = {each: at_s for each, at_s in self._crossed_at_s.items() if now_s - at_s < CROSSED_AGAIN_S}
        prices: dict[tuple[Market, Symbol], Decimal] = {}
        for symbol in await rows.held_symbols(self._pool):
            for market in self._clients:
                found = self._prices.get(market, symbol)
                if found is not None:
                    prices[market, symbol] = found[0]
        places = await rows.accounts_crossed(self._pool, prices, CROSSED_PAGE, self._owned.where())
        due = [place for place in places if place.account_id not in self._crossed_at_s]
        self._crossed_at_s.update((place.account_id, now_s) for place in due)
        return await self._look_at_each(due, paced=False)

    async def look_at_doubtful(self, older_than: timedelta = DOUBT_AFTER) -> int:
        """Look at the accounts with an order of which nobody knows, or that outlived its position, and on which nobody works.

        At the rounds' pace, but in a line of its own: it waits neither for the other rounds nor for orders, for a stop or target without
        a position may take the next one away. Its looks draw on what is reserved for reducing risk.
        """
        now_s = self._clock.monotonic()
        waiting = [each for each, again in self._doubtful.items() if again.at_s > now_s]
        places = await rows.accounts_in_doubt(
            self._pool, list(self._clients), older_than, waiting, DOUBT_PAGE, self._owned.where()
        )
        known = {place.account_id for place in places}.union(waiting)
        loose = [place for place in self._reconciler.loose() if place.account_id not in known][:DOUBT_PAGE]
        due = {place.account_id: place for place in [*places, *loose]}
        # What is neither waited for nor in doubt any more has been settled by somebody.
        self._doubtful = {each: again for each, again in self._doubtful.items() if again.at_s > now_s or each in due}
        return sum(await asyncio.gather(*(self._look_at_doubt(place, older_than) for place in due.values())))

    async def _look_at_doubt(self, place: AccountPlace, older_than: timedelta) -> bool:
        await self._clock.sleep(self._turn_in_s(place, self._doubt_free_at_s))
        settled = False

        async def settle(account_id: AccountId) -> None:
            nonlocal settled
            settled = await self._reconciler.settle_doubts(account_id, older_than)

        looked = await self._look(place, paced=False, look=settle)
        if settled:
            self._doubtful.pop(place.account_id, None)
        else:
            again = self._doubtful.setdefault(place.account_id, _Again(0.0, 0))
            again.at_s = self._clock.monotonic() + DOUBT_AGAIN_S[min(again.looks, len(DOUBT_AGAIN_S) - 1)]
            again.looks += 1
        return looked

    async def look_at_holding(self) -> int:
        """Look at every account with an open position, those first whose position is not known to be protected."""
        places = await rows.accounts_holding(self._pool, list(self._clients), self._owned.where())
        exposed = await self._look_at_each([place for place in places if place.exposed], paced=False)
        return exposed + await self._look_at_each([place for place in places if not place.exposed])

    async def look_at_all(self) -> int:
        """Look at every account that may trade, page by page."""
        looked, after = 0, AccountId(0)
        while page := await rows.accounts_ready(self._pool, list(self._clients), after, ALL_PAGE, self._owned.where()):
            after = page[-1].account_id
            looked += await self._look_at_each(page)
        return looked

    async def _every(self, seconds: float, look: _Look) -> None:
        while True:
            try:
                await look()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("sweep_waits_for_store", error=type(error).__name__)
            await self._clock.sleep(seconds)

    async def _look_at_each(self, places: list[AccountPlace], *, paced: bool = True) -> int:
        done = await asyncio.gather(*(self._look(place, paced=paced) for place in places))
        return sum(done)

    async def _look(
        self, place: AccountPlace, *, paced: bool, look: Callable[[AccountId], Awaitable[object]] | None = None
    ) -> bool:
        """Reconcile one account in its turn; False when somebody works on it, or another process has got it."""
        if paced:
            await self._clock.sleep(self._turn_in_s(place, self._free_at_s))
            await self._stand_aside()
        async with self._slots.setdefault(place.market, asyncio.Semaphore(AT_ONCE_PER_MARKET)):
            # A look that can wait is the next owner's: looks without end would keep an account from ever being handed over.
            may_look = self._owned.keeps if paced else self._owned.owns
            if self._reconciler.locks.is_held(place.account_id) or not may_look(place.egress, place.account_id):
                return False
            try:
                await (look or self._reconciler.reconcile_account)(place.account_id)
            except Exception as error:
                if not is_unavailable(error):
                    log.exception("account_not_reconciled", account_id=place.account_id)
                return False
            self.looked += 1
            return True

    async def _stand_aside(self) -> None:
        """Wait while orders are on their way: what is looked at here can wait, they cannot."""
        if not self._is_busy():
            return
        until_s = self._clock.monotonic() + STAND_ASIDE_MAX_S
        async with self._gate:  # thousands may wait here: the first of them asks for all
            while self._is_busy() and self._clock.monotonic() < until_s:
                await self._clock.sleep(STAND_ASIDE_POLL_S)

    def _turn_in_s(self, place: AccountPlace, free_at_s: dict[tuple[Market, int], float]) -> float:
        """Book the next look through an egress in one of the lines and return how long that is from now."""
        key, now_s = (place.market, place.egress), self._clock.monotonic()
        turn_s = max(now_s, free_at_s.get(key, now_s))
        rate = self._looks.get(place.market.venue, LOOKS_PER_EGRESS_OTHERS_S) * max(MIN_SHARE, self._owned.share(place.egress))
        free_at_s[key] = turn_s + 1 / rate
        return turn_s - now_s


class _Look(Protocol):
    async def __call__(self) -> int: ...
