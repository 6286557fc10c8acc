"""Orders of which nobody knows and on which nobody works: counted while the fault lasts, settled by the first looks after it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.accounts.world import MARKETS
from tests.reconciliation.bench import Bench

from marketbot.domain.ids import AccountId
from marketbot.domain.side import Leg
from marketbot.domain.signal import Action
from marketbot.execution import siblings
from marketbot.observability import metrics
from marketbot.reconciliation import sweep as rounds
from marketbot.reconciliation.sweep import Sweep
from marketbot.workers.gauges import note_orders

BINANCE = MARKETS[0]
AT_ONCE = timedelta(0)


@pytest.fixture
def sweep(bench: Bench) -> Sweep:
    return Sweep(bench.reconciler, bench.world.pool, bench.world.clients, bench.data.prices, bench.world.clock)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings, "SETTLE_READ_DELAYS_S", (0.0,))
    monkeypatch.setattr(siblings.settle_protection, "__defaults__", ((0.0,),))
    monkeypatch.setattr(rounds, "DOUBT_AGAIN_S", (0.0,))


def counted() -> float | None:
    return metrics.REGISTRY.get_sample_value("marketbot_unconfirmed_orders")


async def trading(bench: Bench) -> AccountId:
    [account_id] = await bench.world.bring_in([{"venue": BINANCE.venue, "environment": BINANCE.environment}])
    await bench.connect_all()
    await bench.signal(Action.OPEN_LONG)
    return account_id


async def doubt(bench: Bench, leg: Leg) -> None:
    """Make our books forget how an order's sending was answered."""
    pool = bench.world.pool
    await pool.execute("DELETE FROM order_event WHERE leg = $1", leg)
    await pool.execute(
        """INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, at)
           SELECT signal_id, account_id, leg, attempt, 1, user_id, 'submitted', 'unconfirmed', now() FROM orders WHERE leg = $1""",
        leg,
    )


async def refuse_cancels(bench: Bench) -> None:
    await bench.world.fault("definite_503", path="/fapi/v1/algoOrder", method="DELETE")
    await bench.world.fault("definite_503", path="/fapi/v1/algoOrder", method="GET")


async def test_a_target_that_cannot_be_cancelled_is_counted_and_settled_once_the_venue_lets_it(
    bench: Bench, sweep: Sweep
) -> None:
    account_id = await trading(bench)
    await doubt(bench, Leg.TAKE_PROFIT)
    await refuse_cancels(bench)
    await bench.signal(Action.CLOSE_LONG)
    assert (await bench.position(account_id))["protection"] == "closed"
    assert await bench.world.pool.fetchval("SELECT count(*) FROM chunk WHERE done_at IS NULL") == 0
    await note_orders(bench.world.pool)
    assert counted() == 1, "no chunk is open, and the order is in doubt"

    assert await sweep.look_at_doubtful(AT_ONCE) == 1
    assert (await bench.leg_states(account_id))[Leg.TAKE_PROFIT, 0] == "unconfirmed"

    await bench.world.control("DELETE", "/faults")
    assert await sweep.look_at_doubtful(AT_ONCE) == 1
    assert (await bench.leg_states(account_id))[Leg.TAKE_PROFIT, 0] in ("canceled", "expired", "lapsed")
    await note_orders(bench.world.pool)
    assert counted() == 0


async def test_a_target_in_doubt_beside_its_position_is_found_and_stays(bench: Bench, sweep: Sweep) -> None:
    account_id = await trading(bench)
    await doubt(bench, Leg.TAKE_PROFIT)
    assert (await bench.reconcile(account_id)).findings == (), "it rests, so nothing is missing"
    assert await sweep.look_at_doubtful(AT_ONCE) == 1
    assert (await bench.leg_states(account_id))[Leg.TAKE_PROFIT, 0] == "accepted"
    assert await sweep.look_at_doubtful(AT_ONCE) == 0
    [held] = await bench.venue_positions()
    assert held["protected"]


async def test_what_closed_long_ago_is_settled_too(bench: Bench, sweep: Sweep) -> None:
    account_id = await trading(bench)
    await bench.signal(Action.CLOSE_LONG)
    await doubt(bench, Leg.STOP_LOSS)
    await bench.world.pool.execute("UPDATE position SET closed_at = now() - interval '2 days'")
    assert await sweep.look_at_doubtful(AT_ONCE) == 1
    assert (await bench.leg_states(account_id))[Leg.STOP_LOSS, 0] in ("canceled", "expired", "lapsed")


async def test_what_a_chunk_still_works_on_is_counted_and_left_to_it(bench: Bench, sweep: Sweep) -> None:
    await trading(bench)
    await doubt(bench, Leg.TAKE_PROFIT)
    await bench.world.pool.execute("UPDATE chunk SET done_at = NULL")
    await note_orders(bench.world.pool)
    assert counted() == 1
    assert await sweep.look_at_doubtful(AT_ONCE) == 0


async def test_a_target_that_outlives_its_position_goes_soon_after_the_venue_lets_it(bench: Bench, sweep: Sweep) -> None:
    """Nothing about it is in doubt: the venue has it, and refuses to end it."""
    account_id = await trading(bench)
    await refuse_cancels(bench)
    await bench.signal(Action.CLOSE_LONG)
    assert (await bench.leg_states(account_id))[Leg.TAKE_PROFIT, 0] == "accepted"
    assert len(bench.desk.loose) == 1
    assert await sweep.look_at_doubtful() == 1
    assert len(bench.desk.loose) == 1, "it is not forgotten before it has ended"

    await bench.world.control("DELETE", "/faults")
    credential = (await bench.world.keyring.credentials([account_id]))[account_id]
    # An answer closes the breaker that the refusals opened.
    await bench.world.clients[BINANCE].read_positions(credential, bench.instrument(BINANCE), urgent=True)
    assert await sweep.look_at_doubtful() == 1
    assert (await bench.leg_states(account_id))[Leg.TAKE_PROFIT, 0] in ("canceled", "expired")
    assert len(bench.desk.loose) == 0
