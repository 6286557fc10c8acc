"""What happens at a venue behind our back is found and mended: on real parts, against the simulator."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from tests.accounts.world import MARKETS
from tests.reconciliation.bench import Bench, open_bench

from marketbot.domain.ids import AccountId, ClientOrderId
from marketbot.domain.position import RestingOrder
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.signal import Action
from marketbot.domain.venue import Market
from marketbot.ports import EntryOrder, ExitOrder
from marketbot.reconciliation.compare import Kind

BINANCE, BYBIT = MARKETS[0], MARKETS[2]
both_venues = pytest.mark.parametrize("market", [BINANCE, BYBIT], ids=["binance", "bybit"])


async def trading_account(bench: Bench, market: Market, **fields: object) -> AccountId:
    """Connect one account and let it open a long by a signal."""
    [account_id] = await bench.world.bring_in([{"venue": market.venue, "environment": market.environment, **fields}])
    await bench.connect_all()
    await bench.signal(Action.OPEN_LONG)
    position = await bench.position(account_id)
    assert position["protection"] == "protected"
    return account_id


def kinds(found: object) -> list[Kind]:
    return [finding.kind for finding in found.findings]  # type: ignore[attr-defined]


async def stop_and_target(bench: Bench, market: Market, account_id: AccountId) -> dict[str, RestingOrder | Decimal | None]:
    """Return what protects the account's position at the venue."""
    credential = (await bench.world.keyring.credentials([account_id]))[account_id]
    client = bench.world.clients[market]
    if client.traits.attaches_protection:
        positions = await client.read_positions(credential, bench.instrument(market))
        assert isinstance(positions, tuple)
        [held] = positions
        return {"stop_loss": held.stop_price, "take_profit": held.target_price}
    orders = await client.resting_orders(credential, bench.instrument(market))
    assert isinstance(orders, tuple)
    found = {order.kind: order for order in orders}
    return {"stop_loss": found.get("stop_loss"), "take_profit": found.get("take_profit")}


@both_venues
async def test_a_position_as_it_should_be_gives_no_findings(bench: Bench, market: Market) -> None:
    account_id = await trading_account(bench, market)
    done = await bench.reconcile(account_id)
    assert (done.readable, done.findings) == (True, ())


@both_venues
@pytest.mark.parametrize(("price", "closed_by", "gain"), [("100000", "stop_loss", -1), ("130000", "take_profit", 1)])
async def test_a_fired_leg_closes_the_books(bench: Bench, market: Market, price: str, closed_by: str, gain: int) -> None:
    account_id = await trading_account(bench, market)
    await bench.world.price(price)
    assert await bench.venue_positions() == []
    done = await bench.reconcile(account_id)
    assert kinds(done) == [Kind.POSITION_GONE]
    assert done.healed == 1
    position = await bench.position(account_id)
    assert (position["protection"], position["closed_by"], position["qty"]) == ("closed", closed_by, 0)
    assert position["realized_pnl"] * gain > 0
    states = await bench.leg_states(account_id)
    assert states[closed_by, 0] == "filled"
    assert all(state in ("filled", "canceled", "expired") for state in states.values())
    assert (await bench.reconcile(account_id)).findings == ()


@both_venues
async def test_a_position_closed_by_hand_is_closed_in_the_books(bench: Bench, market: Market) -> None:
    account_id = await trading_account(bench, market)
    credential = (await bench.world.keyring.credentials([account_id]))[account_id]
    qty = (await bench.position(account_id))["qty"]
    order = ExitOrder(bench.instrument(market), ClientOrderId("byhand1"), PositionSide.LONG, qty)
    await bench.world.clients[market].submit_exit(credential, order)
    done = await bench.reconcile(account_id)
    assert kinds(done) == [Kind.POSITION_GONE]
    position = await bench.position(account_id)
    assert (position["protection"], position["closed_by"]) == ("closed", "venue")
    states = await bench.leg_states(account_id)
    assert set(states.values()) <= {"filled", "canceled", "expired"}
    assert (await bench.reconcile(account_id)).findings == ()


@both_venues
@pytest.mark.parametrize("leg", [Leg.STOP_LOSS, Leg.TAKE_PROFIT])
async def test_a_leg_cancelled_by_hand_is_put_back(bench: Bench, market: Market, leg: Leg) -> None:
    account_id = await trading_account(bench, market)
    credential = (await bench.world.keyring.credentials([account_id]))[account_id]
    order_id = await bench.world.pool.fetchval(
        "SELECT client_order_id FROM orders WHERE account_id = $1 AND leg = $2", account_id, leg.value
    )
    assert await bench.world.clients[market].cancel_order(credential, bench.instrument(market), order_id, leg) is None
    assert (await stop_and_target(bench, market, account_id))[leg] is None

    done = await bench.reconcile(account_id)

    assert kinds(done) == [Kind.STOP_MISSING if leg is Leg.STOP_LOSS else Kind.TARGET_MISSING]
    protection = await stop_and_target(bench, market, account_id)
    assert None not in protection.values()
    assert (await bench.position(account_id))["protection"] == "protected"
    states = await bench.leg_states(account_id)
    assert (states[leg, 0], states[leg, 1]) == ("canceled", "accepted")
    assert (await bench.reconcile(account_id)).findings == ()
    assert bench.notes.alarms == []


async def test_after_a_restart_a_naked_position_has_its_stop_within_seconds(bench: Bench) -> None:
    account_id = await trading_account(bench, BINANCE)
    credential = (await bench.world.keyring.credentials([account_id]))[account_id]
    client = bench.world.clients[BINANCE]
    for leg in (Leg.STOP_LOSS, Leg.TAKE_PROFIT):
        order_id = await bench.world.pool.fetchval(
            "SELECT client_order_id FROM orders WHERE account_id = $1 AND leg = $2", account_id, leg.value
        )
        await client.cancel_order(credential, bench.instrument(BINANCE), order_id, leg)
    started_s = time.monotonic()
    async with open_bench(bench.world) as restarted:
        assert await restarted.reconciler.ensure(account_id)
        assert time.monotonic() - started_s < 5
        assert None not in (await stop_and_target(restarted, BINANCE, account_id)).values()
        assert restarted.reconciler.mismatches == {Kind.STOP_MISSING: 1, Kind.TARGET_MISSING: 1}
        assert restarted.reconciler.healed == restarted.reconciler.mismatches
        before = restarted.reconciler.mismatches.copy()
        assert await restarted.reconciler.ensure(account_id)
        assert restarted.reconciler.mismatches == before


@both_venues
async def test_a_stop_that_can_rest_no_more_closes_the_position(bench: Bench, market: Market) -> None:
    """The stop was taken off, and the price has passed it since."""
    account_id = await trading_account(bench, market)
    credential = (await bench.world.keyring.credentials([account_id]))[account_id]
    order_id = await bench.world.pool.fetchval(
        "SELECT client_order_id FROM orders WHERE account_id = $1 AND leg = 'stop_loss'", account_id
    )
    await bench.world.clients[market].cancel_order(credential, bench.instrument(market), order_id, Leg.STOP_LOSS)
    await bench.world.price("100000")
    assert len(await bench.venue_positions()) == 1
    done = await bench.reconcile(account_id)
    assert Kind.STOP_MISSING in kinds(done)
    assert await bench.venue_positions() == []
    position = await bench.position(account_id)
    assert (position["protection"], position["closed_by"]) == ("closed", "emergency")
    assert bench.notes.alarms == ["STOP_WOULD_TRIGGER"]
    assert (await bench.reconcile(account_id)).findings == ()


@both_venues
async def test_a_persons_position_and_orders_are_written_down_and_left_alone(bench: Bench, market: Market) -> None:
    [account_id] = await bench.world.bring_in([{"venue": market.venue, "environment": market.environment}])
    await bench.connect_all()
    credential = (await bench.world.keyring.credentials([account_id]))[account_id]
    client, instrument = bench.world.clients[market], bench.instrument(market)
    order = EntryOrder(
        instrument, ClientOrderId("a-person"), PositionSide.LONG, Decimal("0.01"), Decimal("90000"), Decimal("150000")
    )
    await client.submit_entry(credential, order)
    before = await bench.world.control("GET", "/ledger")

    done = await bench.reconcile(account_id)

    assert kinds(done) == [Kind.POSITION_FOREIGN]
    position = await bench.position(account_id)
    assert (position["signal_id"], position["protection"], position["qty"]) == (None, "naked", Decimal("0.01"))
    assert (await bench.reconcile(account_id)).findings == ()
    after = await bench.world.control("GET", "/ledger")
    assert after["last"] == before["last"], "nothing was ordered, changed or cancelled"

    await client.submit_exit(credential, ExitOrder(instrument, ClientOrderId("a-person-2"), PositionSide.LONG, Decimal("0.01")))
    assert kinds(await bench.reconcile(account_id)) == [Kind.POSITION_GONE]
    assert (await bench.position(account_id))["protection"] == "closed"
    assert bench.notes.alarms == []


@both_venues
async def test_a_quantity_changed_by_hand_is_taken_over(bench: Bench, market: Market) -> None:
    account_id = await trading_account(bench, market)
    credential = (await bench.world.keyring.credentials([account_id]))[account_id]
    qty = (await bench.position(account_id))["qty"]
    part = (qty / 2).quantize(Decimal("0.001"))
    order = ExitOrder(bench.instrument(market), ClientOrderId("by-hand"), PositionSide.LONG, part)
    await bench.world.clients[market].submit_exit(credential, order)
    assert kinds(await bench.reconcile(account_id)) == [Kind.QUANTITY_DIFFERS]
    position = await bench.position(account_id)
    assert (position["qty"], position["protection"]) == (qty - part, "protected")
    assert (await bench.reconcile(account_id)).findings == ()


async def test_one_users_findings_never_touch_anothers(bench: Bench) -> None:
    mine, other = await bench.world.bring_in(
        [
            {"venue": "binance", "environment": "mainnet", "user": "ana", "label": "main"},
            {"venue": "binance", "environment": "mainnet", "user": "bea", "label": "main"},
        ]
    )
    await bench.connect_all()
    await bench.signal(Action.OPEN_LONG)
    before = await bench.position(other)
    await bench.world.price("100000")
    await bench.reconcile(mine)
    assert (await bench.position(mine))["protection"] == "closed"
    assert await bench.position(other) == before
    assert (
        await bench.world.pool.fetchval("SELECT count(*) FROM order_event WHERE account_id = $1 AND state = 'filled'", other) == 1
    )


async def test_a_venue_that_does_not_answer_changes_nothing(bench: Bench) -> None:
    account_id = await trading_account(bench, BINANCE)
    await bench.world.fault("definite_503", venue="binance", path="/fapi/v3/positionRisk")
    await bench.world.price("100000")
    done = await bench.reconcile(account_id)
    assert not done.readable
    assert (await bench.position(account_id))["protection"] == "protected"
    assert bench.reconciler.unreadable == 1
    await bench.world.control("DELETE", "/faults")
    assert (await bench.reconcile(account_id)).healed == 1


async def test_an_account_with_work_in_progress_is_left_to_it(bench: Bench) -> None:
    account_id = await trading_account(bench, BINANCE)
    await bench.world.price("100000")
    await bench.world.pool.execute("UPDATE chunk SET done_at = NULL")
    await bench.world.pool.execute("DELETE FROM outcome")
    assert (await bench.reconcile(account_id)).findings == ()
    await bench.world.pool.execute("UPDATE chunk SET done_at = now()")
    assert kinds(await bench.reconcile(account_id)) == [Kind.POSITION_GONE]
