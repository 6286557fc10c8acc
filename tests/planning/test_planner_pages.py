"""Pages that end, planners that die or race, signals that cross: still one decision an account, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg
import pytest

from marketbot.domain.ids import SignalId, Symbol
from marketbot.domain.venue import Market
from marketbot.planning import planner as planner_module
from marketbot.planning.planner import Planner, PlanOutcome
from marketbot.store.planning import PostgresPlanning, PostgresPlanPage
from marketbot.store.pool import Pool, Unavailable

from .town import BTC, TAG, OneGrid, OnePrice, Town


async def test_planning_again_plans_nothing_twice(town: Town, pool: Pool) -> None:
    await town.crowd(30)
    signal = await town.signal()
    await town.planner().plan_signal(signal)
    again = await town.planner().plan_signal(signal)
    assert (again.outcome, again.queued) == (PlanOutcome.ELSEWHERE, 0)
    assert await pool.fetchval("SELECT count(*) FROM intent") == 30


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner_module, "FIRST_PAGE_SIZES", (7,))
    monkeypatch.setattr(planner_module, "PAGE_SIZE", 20)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("count", [0, 6, 7, 8, 27, 28])
async def test_no_follower_is_lost_where_a_page_ends(town: Town, count: int) -> None:
    await town.crowd(count)
    await town.crowd(count, environment="testnet")
    signal = await town.signal()
    result = await town.planner().plan_signal(signal)
    assert (result.outcome, result.queued) == (PlanOutcome.PLANNED, 2 * count)
    assert await town.state(signal) == ("planned" if count else "settled")


# The driver has several words for it, by what it was doing when the server hung up.
CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    Unavailable,
    asyncpg.AdminShutdownError,
)


class Killed(PostgresPlanning):
    """Loses its database connection in its ``dies_at``-th page, after that page was written and before it commits."""

    def __init__(self, pool: Pool, dies_at: int) -> None:
        super().__init__(pool, TAG)
        self._pool, self._left = pool, dies_at

    @asynccontextmanager
    async def page(self, signal_id: SignalId) -> AsyncIterator[PostgresPlanPage | None]:
        async with super().page(signal_id) as page:
            yield page
            self._left -= 1
            if self._left == 0:
                assert page is not None
                backend = await page._connection.fetchval("SELECT pg_backend_pid()")
                await self._pool.execute("SELECT pg_terminate_backend($1)", backend)


@pytest.mark.usefixtures("small_pages")
async def test_a_planner_that_dies_midway_leaves_whole_pages_and_the_next_goes_on_from_there(town: Town, pool: Pool) -> None:
    await town.crowd(60)
    await town.crowd(10, environment="testnet")
    signal = await town.signal()
    # Each run begins with a small page again.
    for dies_at, planned in ((2, 7), (2, 14), (1, 14), (3, 41), (3, 60)):
        planner = Planner(Killed(pool, dies_at), OnePrice(), OneGrid(), town.clock)
        with pytest.raises(CONNECTION_LOST):
            await planner.plan_signal(signal)
        assert len(await town.reasons(signal)) == planned
        assert await town.state(signal) == "accepted"
    result = await town.planner().plan_signal(signal)
    assert (result.outcome, result.queued) == (PlanOutcome.PLANNED, 10)
    assert await pool.fetchval("SELECT count(*) FROM orders") == 210
    in_chunks = await pool.fetch("SELECT unnest(account_ids) AS account_id FROM chunk")
    assert len(in_chunks) == len(set(in_chunks)) == 70


@pytest.mark.usefixtures("small_pages")
async def test_a_cancelled_planner_leaves_nothing_half_done(town: Town, pool: Pool) -> None:
    await town.crowd(60)
    signal = await town.signal()
    deciding = asyncio.Event()

    class Watched(OnePrice):
        looks = 0

        def get(self, market: Market, symbol: Symbol) -> tuple[Decimal, float] | None:
            self.looks += 1
            if self.looks == 2:
                deciding.set()
            return super().get(market, symbol)

    planner = Planner(PostgresPlanning(pool, TAG), Watched(), OneGrid(), town.clock)
    task = asyncio.create_task(planner.plan_signal(signal))
    async with asyncio.timeout(5):
        await deciding.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await town.reasons(signal)) == 7
    await town.planner().plan_signal(signal)
    assert await pool.fetchval("SELECT count(*) FROM orders") == 180


@pytest.mark.usefixtures("small_pages")
async def test_two_planners_at_once_plan_every_follower_once(town: Town, pool: Pool) -> None:
    await town.crowd(100)
    await town.crowd(100, environment="testnet")
    signal = await town.signal()

    async def plan_until_planned() -> int:
        queued = 0
        while await town.state(signal) == "accepted":
            queued += (await town.planner().plan_signal(signal)).queued
        return queued

    counts = await asyncio.gather(plan_until_planned(), plan_until_planned(), plan_until_planned())
    assert sum(counts) == 200
    assert await pool.fetchval("SELECT count(*) FROM intent") == 200
    assert await pool.fetchval("SELECT sum(cardinality(account_ids)) FROM chunk") == 200


async def test_two_signals_at_once_do_not_both_take_an_accounts_last_place(town: Town, pool: Pool) -> None:
    account = await town.account(max_positions=1)
    signals = [await town.signal(symbol=symbol) for symbol in ("AUSDT", "BUSDT", "CUSDT")]
    await asyncio.gather(*(town.planner().plan_signal(signal) for signal in signals))
    reasons = sorted([(await town.reasons(signal))[account] for signal in signals], key=str)
    assert reasons == ["MAX_POSITIONS", "MAX_POSITIONS", None]


async def test_a_signal_whose_chunks_were_done_before_its_last_page_is_settled_with_it(town: Town, pool: Pool) -> None:
    await town.account()
    await town.account(environment="testnet", paused=True)
    signal = await town.signal()
    planner = Planner(Killed(pool, 2), OnePrice(), OneGrid(), town.clock)
    with pytest.raises(CONNECTION_LOST):
        await planner.plan_signal(signal)
    await pool.execute("UPDATE chunk SET done_at = now()")
    await town.planner().plan_signal(signal)
    assert await town.state(signal) == "settled"


async def test_closes_are_planned_first_and_an_entry_gives_way_to_one_between_its_pages(town: Town, small_pages: None) -> None:
    await town.crowd(60)
    entry = await town.signal()
    planner = town.planner()
    other_close = await town.signal("close_long", symbol="AUSDT")
    result = await planner.plan_signal(entry)
    assert (result.outcome, result.pages, result.queued) == (PlanOutcome.YIELDED, 1, 7)
    assert await planner.open_signals() == [other_close, entry]
    await planner.plan_signal(other_close)
    result = await planner.plan_signal(entry)
    assert (result.outcome, result.queued) == (PlanOutcome.PLANNED, 53)


async def test_who_has_not_entered_when_the_source_closes_again_does_not_enter_any_more(
    town: Town, pool: Pool, small_pages: None
) -> None:
    await town.crowd(20)
    entry, planner = await town.signal(), town.planner()
    with pytest.raises(CONNECTION_LOST):
        await Planner(Killed(pool, 2), OnePrice(), OneGrid(), town.clock).plan_signal(entry)
    close = await town.signal("close_long")
    # The seven whose entries are on their way are to be closed.
    assert (await planner.plan_signal(close)).queued == 7
    assert (await planner.plan_signal(entry)).denied == {"SIGNAL_EXPIRED": 13}


@pytest.mark.parametrize(
    ("later", "symbol", "own_source"),
    [("close_short", BTC, True), ("close_long", "AUSDT", True), ("open_long", BTC, True), ("close_all", BTC, False)],
)
async def test_other_signals_do_not_call_an_entry_off(town: Town, later: str, symbol: str, own_source: bool) -> None:
    account = await town.account()
    entry = await town.signal()
    await town.signal(later, symbol=symbol, source_id=None if own_source else await town.source("other-room"))
    await town.planner().plan_signal(entry)
    assert await town.reasons(entry) == {account: None}


async def test_an_earlier_close_does_not_call_a_later_entry_off(town: Town) -> None:
    account = await town.account()
    await town.signal("close_all")
    entry = await town.signal()
    await town.planner().plan_signal(entry)
    assert await town.reasons(entry) == {account: None}
