"""Plan a signal: page by page, highest lane first, every follower gets its one order or its one reason.

Each page is one transaction that reads, decides and writes, and moves the signal's cursor along; so a planner that dies
leaves whole pages behind, another goes on from there, and two at once take turns.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from marketbot.domain.ids import AccountId, SignalId
from marketbot.domain.intent import Decision, Denial
from marketbot.domain.lane import Lane
from marketbot.domain.policy import Policy, Wishes
from marketbot.domain.reasons import DenialReason
from marketbot.domain.trading_state import Switches
from marketbot.domain.venue import Environment, Market
from marketbot.planning.decide import decide
from marketbot.planning.facts import MarketFacts, Occasion, SignalFacts
from marketbot.planning.ports import Instruments, PlanPage, PlanStore, ReferencePrices, Row
from marketbot.planning.reading import PageReading, WishBook, signal_facts
from marketbot.planning.terms import Terms, terms_of
from marketbot.ports import Clock

FIRST_PAGE_SIZES = (50, 200)
"""Small pages at the start of a run, so that the first orders leave while the rest is still being planned."""
PAGE_SIZE = 1_000
SIGNALS_AT_ONCE = 100
"""Signals looked up at once; the next look-up finds the rest."""
YIELD_EVERY = 100
"""Accounts decided before whatever else runs in this process gets a turn: some milliseconds."""
RATE_WINDOW = timedelta(minutes=1)

OwnerOf = Callable[[int, AccountId, bool], int]
"""From an account's egress and number, and whether this is an exit, to the executor that shall claim it; 0: nobody knows."""

_START = AccountId(0)
_ENTRY_PHASES: dict[int, Environment | None] = {
    int(Lane.MAINNET): Environment.MAINNET,
    int(Lane.TESTNET): Environment.TESTNET,
}
_CLOSE_PHASES: dict[int, Environment | None] = {int(Lane.RISK_REDUCING): None}


class PlanOutcome(StrEnum):
    """How a run at a signal ended."""

    PLANNED = "planned"
    """This run wrote its last page."""
    ELSEWHERE = "elsewhere"
    """It is planned already, or another planner has it in hand now."""
    YIELDED = "yielded"
    """An entry that gives way to a close after a page of its own; what is left of it is still open."""


@dataclass(frozen=True, slots=True)
class PlanResult:
    """What one run at a signal did; pages of earlier runs are not counted."""

    signal_id: SignalId
    outcome: PlanOutcome
    pages: int = 0
    queued: int = 0
    denied: Counter[DenialReason] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _PageDone:
    last: bool
    is_entry: bool
    queued: int
    denied: Counter[DenialReason]


class Planner:
    """Plans signals one page at a time. Any number of planners may run against one store."""

    def __init__(
        self, store: PlanStore, prices: ReferencePrices, instruments: Instruments, clock: Clock, owner: OwnerOf | None = None
    ) -> None:
        self._store = store
        self._prices = prices
        self._instruments = instruments
        self._clock = clock
        self._owner = owner or _nobody
        self._wishes = WishBook()

    async def open_signals(self) -> Sequence[SignalId]:
        """Return the signals that wait to be planned: closes first, then the oldest."""
        return await self._store.open_signals(SIGNALS_AT_ONCE)

    async def plan_signal(self, signal_id: SignalId) -> PlanResult:
        """Plan what is left of one signal. Running it again, or at once with another, plans nothing twice."""
        pages = queued = 0
        denied: Counter[DenialReason] = Counter()
        while True:
            async with self._store.page(signal_id) as page:
                if page is None:
                    return PlanResult(signal_id, PlanOutcome.ELSEWHERE, pages, queued, denied)
                done = await self._plan_page(page, FIRST_PAGE_SIZES[pages] if pages < len(FIRST_PAGE_SIZES) else PAGE_SIZE)
            pages += 1
            queued += done.queued
            denied.update(done.denied)
            if done.last:
                return PlanResult(signal_id, PlanOutcome.PLANNED, pages, queued, denied)
            if done.is_entry and await self._store.close_waits():
                return PlanResult(signal_id, PlanOutcome.YIELDED, pages, queued, denied)

    async def _plan_page(self, page: PlanPage, limit: int) -> _PageDone:
        signal = signal_facts(page.signal)
        phases = _ENTRY_PHASES if signal.action.is_entry else _CLOSE_PHASES
        remaining = [phase for phase in phases if phase >= signal.plan_lane]
        phase, after = remaining.pop(0), AccountId(signal.plan_after)
        followers = await page.accounts(phases[phase], after, limit)
        while not followers and remaining:
            phase = remaining.pop(0)
            followers = await page.accounts(phases[phase], _START, limit)
        queued, denied = await self._plan_followers(page, signal, followers) if followers else (0, Counter())
        if len(followers) == limit:
            await page.advance(phase, followers[-1]["account_id"])
        elif remaining:
            await page.advance(remaining[0], _START)
        else:
            await page.finish()
            return _PageDone(True, signal.action.is_entry, queued, denied)
        return _PageDone(False, signal.action.is_entry, queued, denied)

    async def _plan_followers(
        self, page: PlanPage, signal: SignalFacts, followers: Sequence[Row]
    ) -> tuple[int, Counter[DenialReason]]:
        """Decide and write one page of followers."""
        # A close asks neither, so that nothing that is wrong with them can hold one up.
        is_entry = signal.action.is_entry
        policy, switches = (await page.policy(), await page.switches()) if is_entry else (Policy(), Switches({}))
        occasion = Occasion(signal, policy, switches, self._clock.now())
        reading = await self._read(page, occasion, followers)

        decisions: list[Decision] = []
        chunks: dict[tuple[Market, int], list[AccountId]] = {}
        denied: Counter[DenialReason] = Counter()
        markets: dict[Market, MarketFacts] = {}
        terms: dict[tuple[Market, Wishes], Terms] = {}
        for number, row in enumerate(followers, start=1):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            account = reading.facts(row)
            market = markets.get(account.market)
            if market is None:
                market = markets[account.market] = self._look_at(account.market, signal)
            agreed = terms.get((account.market, account.wishes))
            if agreed is None and is_entry:
                agreed = terms[account.market, account.wishes] = terms_of(occasion, account.market, market, account.wishes)
            verdict = decide(occasion, account, market, agreed)
            if isinstance(verdict, Denial):
                decisions.append(verdict)
                denied[verdict.reason] += 1
                continue
            decisions.append(verdict.intent)
            owner = self._owner(row["egress"], account.account_id, not is_entry)
            chunks.setdefault((account.market, owner), []).append(account.account_id)
            if is_entry:
                reading.count_entry(account.user_id)
        await page.write(decisions, chunks, occasion.now)
        return len(decisions) - denied.total(), denied

    async def _read(self, page: PlanPage, occasion: Occasion, followers: Sequence[Row]) -> PageReading:
        """Read what decisions about these followers rest on; an entry that is over for everybody rests on nothing."""
        reading = PageReading(occasion.signal, followers, self._wishes)
        if occasion.expired or occasion.signal.superseded:
            return reading
        accounts = reading.account_ids
        reading.add_positions(await page.positions(accounts))
        if others := await page.others_open():
            reading.add_entries_on_their_way(await page.entries_on_their_way(others, accounts))
        if occasion.signal.action.is_entry:
            limited = [row["account_id"] for row in followers if row["daily_loss_limit"] is not None]
            if limited:
                day_start = occasion.now.replace(hour=0, minute=0, second=0, microsecond=0)
                reading.add_results(await page.results(limited, day_start))
            reading.add_operations(await page.operations(reading.user_ids, occasion.now - RATE_WINDOW))
        return reading

    def _look_at(self, market: Market, signal: SignalFacts) -> MarketFacts:
        price, age_s = self._prices.get(market, signal.symbol) or (None, None)
        return MarketFacts(self._instruments.get(market, signal.symbol), price, age_s)


def _nobody(_egress: int, _account_id: AccountId, _is_exit: bool) -> int:
    return 0
