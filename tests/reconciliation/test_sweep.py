"""The rounds find what happened: fired stops at once."""

from __future__ import annotations

import pytest
from tests.accounts.world import MARKETS
from tests.reconciliation.bench import Bench

from marketbot.domain.signal import Action
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
