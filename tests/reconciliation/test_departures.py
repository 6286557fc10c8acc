"""An engine remembers the accounts that trade, not those that left."""

from __future__ import annotations

import pytest
from tests.accounts.world import MARKETS
from tests.reconciliation.bench import Bench

from marketbot.domain.ids import AccountId
from marketbot.domain.signal import Action
from marketbot.workers.departures import Departures

at_work = set[AccountId]()


@pytest.fixture
def departures(bench: Bench) -> Departures:
    at_work.clear()
    world = bench.world
    return Departures(world.pool, world.keyring, bench.reconciler, world.clients, world.clock, lambda: at_work)


async def connected(bench: Bench) -> list[AccountId]:
    found = await bench.world.bring_in([{"venue": market.venue, "environment": market.environment} for market in MARKETS])
    await bench.connect_all()
    return found


def remembered(bench: Bench) -> set[AccountId]:
    return bench.world.keyring.held() | bench.reconciler.ensured()


async def test_an_account_that_left_is_forgotten_at_the_second_look_and_read_again_when_it_is_back(
    bench: Bench, departures: Departures
) -> None:
    ids = await connected(bench)
    await bench.world.pool.execute("UPDATE account SET paused = true WHERE account_id = $1", ids[0])
    await bench.world.pool.execute("UPDATE account SET status = 'quarantined' WHERE account_id = $1", ids[1])
    assert await departures.look() == 0
    assert remembered(bench) == set(ids)
    assert await departures.look() == 2
    assert remembered(bench) == set(ids[2:])
    assert await departures.look() == 0
    await bench.world.pool.execute("UPDATE account SET paused = false WHERE account_id = $1", ids[0])
    assert await bench.reconciler.ensure(ids[0])
    assert remembered(bench) == {ids[0], *ids[2:]}
    assert await departures.look() + await departures.look() == 0


async def test_one_that_comes_back_between_two_looks_is_kept(bench: Bench, departures: Departures) -> None:
    ids = await connected(bench)
    await bench.world.pool.execute("UPDATE account SET paused = true")
    assert await departures.look() == 0
    await bench.world.pool.execute("UPDATE account SET paused = false")
    assert await departures.look() == 0
    await bench.world.pool.execute("UPDATE account SET paused = true")
    assert await departures.look() == 0, "it has been away for one look"
    assert remembered(bench) == set(ids)


async def test_what_holds_a_position_or_is_at_work_is_kept(bench: Bench, departures: Departures) -> None:
    ids = await connected(bench)
    await bench.signal(Action.OPEN_LONG)
    await bench.world.pool.execute("UPDATE account SET paused = true")
    assert await departures.look() + await departures.look() == 0
    await bench.signal(Action.CLOSE_LONG)
    at_work.add(ids[0])
    assert await departures.look() + await departures.look() == len(ids) - 1
    assert remembered(bench) == {ids[0]}
    at_work.clear()
    assert await departures.look() + await departures.look() == 1
    assert remembered(bench) == set()
