"""The rounds find what happened: fired stops at once."""

from __future__ import annotations

import pytest
from tests.accounts.world import MARKETS
from tests.reconciliation.bench import Bench

from marketbot.domain.ids import AccountId
from marketbot.domain.signal import Action
from marketbot.ports import OwnsAll
from marketbot.reconciliation.sweep import Sweep


@pytest.fixture
def sweep(bench: Bench) -> Sweep:
    return Sweep(bench.reconciler, bench.world.pool, bench.world.clients, bench.data.prices, bench.world.clock)


async def test_fired_stops_are_found_by_the_price(bench: Bench, sweep: Sweep) -> None:
    await bench.world.bring_in([{"venue": market.venue, "environment": market.environment} for market in MARKETS])
    await bench.connect_all()
    await bench.signal(Action.OPEN_LONG)
    assert await sweep.look_at_crossed() == 0
    assert await sweep.look_at_holding() == len(MARKETS)
    await bench.world.price("100000")
    for market in MARKETS:
        await bench.data.load(market)
    assert await sweep.look_at_crossed() == len(MARKETS)
    rows = await bench.world.pool.fetch("SELECT protection, closed_by FROM position")
    assert [tuple(row) for row in rows] == [("closed", "stop_loss")] * len(MARKETS)
    assert await sweep.look_at_crossed() == 0
    assert await sweep.look_at_holding() == 0


class LeavingAll(OwnsAll):
    """Every account is still this process's, and about to be handed over."""

    def keeps(self, egress: int, account_id: AccountId) -> bool:
        return False


async def test_only_what_cannot_wait_is_looked_at_in_accounts_that_are_about_to_be_handed_over(bench: Bench) -> None:
    world = bench.world
    sweep = Sweep(bench.reconciler, world.pool, world.clients, bench.data.prices, world.clock, owned=LeavingAll())
    await world.bring_in([{"venue": market.venue, "environment": market.environment} for market in MARKETS])
    await bench.connect_all()
    await bench.signal(Action.OPEN_LONG)
    assert await sweep.look_at_holding() == 0
    assert await sweep.look_at_all() == 0
    await world.pool.execute("UPDATE position SET protection = 'naked'")
    assert await sweep.look_at_holding() == len(MARKETS)
    await world.price("100000")
    for market in MARKETS:
        await bench.data.load(market)
    assert await sweep.look_at_crossed() == len(MARKETS)
