"""One suite for every client: what ``ports.VenueClient`` promises, against a real simulator over TLS, on good and bad days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from marketbot.domain.execution_report import Absent, ErrorClass, OrderReport, VenueFault
from marketbot.domain.ids import ClientOrderId
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import PositionMode

from .rig import Rig

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
CLIENTS = ["binance", "bybit", "ccxt:binanceusdm", "ccxt:bybit"]


@pytest.fixture(params=CLIENTS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    rig = await Rig.open(request.param)
    try:
        yield rig
    finally:
        await rig.close()


async def _protect(rig: Rig, side: PositionSide = LONG, credential: object = None) -> tuple[ClientOrderId, ClientOrderId]:
    """Put stop and target in place, however the venue does it, and return their ids."""
    account = rig.credential if credential is None else credential
    below, above = rig.at("0.90"), rig.at("1.10")
    stop_price, target_price = (below, above) if side is LONG else (above, below)
    stop = rig.protective(Leg.STOP_LOSS, stop_price, side)
    target = rig.protective(Leg.TAKE_PROFIT, target_price, side)
    for order in (stop, target):
        report = await rig.client.submit_protection(account, order)  # type: ignore[arg-type]
        assert report.state is OrderState.ACCEPTED, report
    return stop.client_order_id, target.client_order_id


async def test_instruments_and_prices_are_sane(rig: Rig) -> None:
    instruments = await rig.client.instruments()
    prices = await rig.client.prices()
    assert not isinstance(instruments, VenueFault)
    assert not isinstance(prices, VenueFault)
    assert len(instruments) >= 100
    assert len({each.symbol for each in instruments}) == len(instruments)
    for each in instruments:
        assert each.tick_size > 0
        assert each.lot_size > 0
        assert 0 < each.min_qty <= each.max_market_qty
        assert each.min_notional > 0
        if each.tradable:
            assert prices[each.symbol] > 0
    assert all(type(price) is Decimal for price in prices.values())


async def test_life_of_a_position(rig: Rig) -> None:
    entered = await rig.enter()
    assert (entered.state, entered.filled_qty, entered.average_price) == (OrderState.FILLED, Decimal("0.010"), rig.price)
    stop_id, target_id = await _protect(rig)
    for leg, order_id, price in (
        (Leg.STOP_LOSS, stop_id, rig.at("0.90")),
        (Leg.TAKE_PROFIT, target_id, rig.at("1.10")),
    ):
        found = await rig.client.find_order(rig.credential, rig.instrument, order_id, leg)
        assert isinstance(found, OrderReport), found
        assert (found.state, found.trigger_price) == (OrderState.ACCEPTED, price)
    positions = await rig.client.read_positions(rig.credential, rig.instrument)
    assert not isinstance(positions, VenueFault)
    assert [(each.side, each.qty, each.entry_price) for each in positions] == [(LONG, Decimal("0.010"), rig.price)]
    if rig.client.traits.attaches_protection:
        assert (positions[0].stop_price, positions[0].target_price) == (rig.at("0.90"), rig.at("1.10"))
    resting = await rig.client.resting_orders(rig.credential, rig.instrument)
    assert not isinstance(resting, VenueFault)
    assert {(each.kind, each.trigger_price, each.side, each.closes_position, each.conditional) for each in resting} == {
        ("stop_loss", rig.at("0.90"), "sell", True, True),
        ("take_profit", rig.at("1.10"), "sell", True, True),
    }
    left = await rig.leave()
    assert (left.state, left.filled_qty) == (OrderState.FILLED, Decimal("0.010"))
    assert await rig.client.read_positions(rig.credential, None) == ()
    assert await rig.client.resting_orders(rig.credential, rig.instrument) == ()


async def test_stop_fires(rig: Rig) -> None:
    await rig.enter()
    stop_id, _ = await _protect(rig)
    await rig.move_price(rig.at("0.89"))
    assert await rig.client.read_positions(rig.credential, rig.instrument) == ()
    found = await rig.client.find_order(rig.credential, rig.instrument, stop_id, Leg.STOP_LOSS)
    if rig.client.traits.attaches_protection:
        assert found == Absent(), "protection is a property of a position that is gone"
    else:
        assert isinstance(found, OrderReport), found
        assert (found.state, found.filled_qty) == (OrderState.FILLED, Decimal("0.010"))


async def test_protection_is_set_again_where_it_was_and_refused_where_it_cannot_be(rig: Rig) -> None:
    early = await rig.client.submit_protection(rig.credential, rig.protective(Leg.STOP_LOSS, rig.at("0.90")))
    assert early.state is OrderState.REJECTED
    assert early.fault is not None
    assert early.fault.error_class is ErrorClass.NO_POSITION
    await rig.enter()
    await _protect(rig)
    again = await rig.client.submit_protection(rig.credential, rig.protective(Leg.STOP_LOSS, rig.at("0.90")))
    if rig.client.traits.attaches_protection:
        assert again.state is OrderState.ACCEPTED, "it is so already"
    else:
        assert again.fault is not None
        assert again.fault.error_class is ErrorClass.PROTECTION_EXISTS
    passed = await rig.client.submit_protection(rig.credential, rig.protective(Leg.STOP_LOSS, rig.at("1.05")))
    assert passed.fault is not None
    assert passed.fault.error_class in (ErrorClass.WOULD_TRIGGER, ErrorClass.PROTECTION_EXISTS)
    if rig.client.traits.attaches_protection:
        assert passed.fault.error_class is ErrorClass.WOULD_TRIGGER


async def test_cancel_takes_protection_away_and_is_content_when_it_is_gone(rig: Rig) -> None:
    await rig.enter()
    stop_id, target_id = await _protect(rig)
    for _ in range(2):
        assert await rig.client.cancel_order(rig.credential, rig.instrument, stop_id, Leg.STOP_LOSS) is None
    assert await rig.client.cancel_order(rig.credential, rig.instrument, target_id, Leg.TAKE_PROFIT) is None
    assert await rig.client.resting_orders(rig.credential, rig.instrument) == ()


async def test_order_that_never_was_is_absent(rig: Rig) -> None:
    for leg in (Leg.ENTRY, Leg.EXIT, Leg.STOP_LOSS):
        assert await rig.client.find_order(rig.credential, rig.instrument, rig.new_id(leg), leg) == Absent()


async def test_duplicate_id_means_look_it_up(rig: Rig) -> None:
    order = rig.entry()
    await rig.enter(order=order)
    if not rig.client.traits.id_is_idempotent:
        pytest.skip("this venue takes the id of a filled order again: execution never sends an entry twice")
    again = await rig.client.submit_entry(rig.credential, order)
    assert again.state is OrderState.UNCONFIRMED
    assert again.fault is not None
    assert again.fault.error_class is ErrorClass.DUPLICATE
    positions = await rig.client.read_positions(rig.credential, rig.instrument)
    assert not isinstance(positions, VenueFault)
    assert positions[0].qty == order.qty


@pytest.mark.parametrize("side", [LONG, SHORT])
async def test_hedge_mode_keeps_both_sides_apart(rig: Rig, side: PositionSide) -> None:
    account = await rig.account(hedge=True)
    for each in (side, side.opposite):
        entered = await rig.enter(account, rig.entry(each))
        assert entered.state is OrderState.FILLED
        await _protect(rig, each, account)
    positions = await rig.client.read_positions(account, rig.instrument)
    assert not isinstance(positions, VenueFault)
    assert {each.side for each in positions} == {LONG, SHORT}
    left = await rig.leave(account, rig.exit(side))
    assert left.state is OrderState.FILLED
    remaining = await rig.client.read_positions(account, rig.instrument)
    assert not isinstance(remaining, VenueFault)
    assert [each.side for each in remaining] == [side.opposite]
    key = await rig.client.read_key(account)
    assert not isinstance(key, VenueFault)
    assert key.position_mode is PositionMode.HEDGE


async def test_wrong_position_mode_is_a_mode_fault(rig: Rig) -> None:
    hedged = replace(await rig.account(hedge=True), position_mode=PositionMode.ONE_WAY)
    report = await rig.client.submit_entry(hedged, rig.entry())
    assert report.state is OrderState.REJECTED
    assert report.fault is not None
    assert report.fault.error_class is ErrorClass.MODE


async def test_leverage_is_set_whether_or_not_it_was(rig: Rig) -> None:
    for _ in range(2):
        assert await rig.client.set_leverage(rig.credential, rig.instrument, Decimal(7)) is None
    fault = await rig.client.set_leverage(rig.credential, rig.instrument, Decimal(5_000))
    assert isinstance(fault, VenueFault)
    assert fault.error_class is ErrorClass.LEVERAGE


async def test_account_is_read(rig: Rig) -> None:
    before = await rig.client.read_account(rig.credential)
    assert not isinstance(before, VenueFault)
    assert (before.wallet_balance, before.available_balance, before.positions) == (10_000, 10_000, ())
    await rig.enter()
    after = await rig.client.read_account(rig.credential)
    assert not isinstance(after, VenueFault)
    assert after.available_balance < after.wallet_balance < before.wallet_balance
    assert [each.side for each in after.positions] == [LONG]


async def test_key_that_may_withdraw_is_a_problem(rig: Rig) -> None:
    good = await rig.client.read_key(rig.credential)
    assert not isinstance(good, VenueFault)
    assert (good.problem, good.can_trade, good.can_withdraw) == (None, True, False)
    dangerous = await rig.client.read_key(await rig.account(can_withdraw=True))
    assert not isinstance(dangerous, VenueFault)
    assert dangerous.can_withdraw
    assert dangerous.problem is not None


async def test_bad_key_is_a_definite_refusal(rig: Rig) -> None:
    for wrong in (
        replace(rig.credential, api_key="nosuchkey"),
        replace(rig.credential, secret=b"wrong"),
        replace(rig.credential, api_key="bad\r\nX-Evil: 1"),
    ):
        report = await rig.client.submit_entry(wrong, rig.entry())
        assert report.state is OrderState.REJECTED
        assert report.fault is not None
        assert report.fault.error_class is ErrorClass.KEY


async def test_poor_account_is_refused_for_funds(rig: Rig) -> None:
    report = await rig.enter(await rig.account(balance="1"))
    assert report.state is OrderState.REJECTED
    assert report.fault is not None
    assert report.fault.error_class is ErrorClass.FUNDS


async def test_off_grid_order_is_refused_for_size(rig: Rig) -> None:
    report = await rig.client.submit_entry(rig.credential, rig.entry(qty="0.0101"))
    assert report.state is OrderState.REJECTED
    assert report.fault is not None
    assert report.fault.error_class is ErrorClass.SIZE


async def test_exit_without_position_is_a_clean_refusal(rig: Rig) -> None:
    report = await rig.client.submit_exit(rig.credential, rig.exit())
    assert report.state is OrderState.REJECTED
    assert report.fault is not None
    assert report.fault.error_class is ErrorClass.NO_POSITION


async def test_part_fill_tells_what_filled(rig: Rig) -> None:
    await rig.fault("partial_fill", fraction="0.4")
    report = await rig.enter()
    assert report.state in (OrderState.EXPIRED, OrderState.CANCELED)
    assert report.filled_qty == Decimal("0.004")


@pytest.mark.parametrize("skew_ms", [60_000, -60_000])
async def test_clock_skew_is_measured_and_the_order_sent_again(rig: Rig, skew_ms: int) -> None:
    await rig.control("POST", "/clock", {"skew_ms": skew_ms})
    report = await rig.enter()
    assert report.state is OrderState.FILLED
    again = await rig.enter()
    assert again.state is OrderState.FILLED


@pytest.mark.parametrize("kind", ["accept_then_hang", "accept_then_500", "accept_then_reset"])
async def test_lost_answer_is_unconfirmed_and_can_be_found(rig: Rig, kind: str) -> None:
    await rig.fault(kind)
    order = rig.entry()
    report = await rig.client.submit_entry(rig.credential, order)
    assert report.state is OrderState.UNCONFIRMED
    assert report.fault is not None
    assert report.fault.error_class is ErrorClass.AMBIGUOUS
    found = await rig.found(rig.credential, order.client_order_id, Leg.ENTRY)
    assert (found.state, found.filled_qty) == (OrderState.FILLED, order.qty)


@pytest.mark.parametrize("kind", ["reset_before_accept", "hang"])
async def test_lost_request_is_unconfirmed_and_absent(rig: Rig, kind: str) -> None:
    await rig.fault(kind)
    order = rig.entry()
    report = await rig.client.submit_entry(rig.credential, order)
    assert report.state is OrderState.UNCONFIRMED
    assert await rig.client.find_order(rig.credential, rig.instrument, order.client_order_id, Leg.ENTRY) == Absent()


async def test_definite_server_failure_may_be_tried_again(rig: Rig) -> None:
    await rig.fault("definite_503")
    report = await rig.client.submit_entry(rig.credential, rig.entry())
    assert report.state is OrderState.REJECTED
    assert report.fault is not None
    assert report.fault.error_class is ErrorClass.RETRYABLE
    assert (await rig.enter()).state is OrderState.FILLED


async def test_rate_limit_is_a_refusal_with_a_pause(rig: Rig) -> None:
    await rig.fault("rate_limit_429", retry_after_s=30)
    report = await rig.client.submit_entry(rig.credential, rig.entry())
    assert report.state is OrderState.REJECTED
    assert report.fault is not None
    assert report.fault.error_class in (ErrorClass.EGRESS_RATE, ErrorClass.RETRYABLE, ErrorClass.ACCOUNT_RATE)
    assert report.fault.retry_after_s is not None


async def test_ban_stops_the_address_without_another_request(rig: Rig) -> None:
    await rig.fault("ban_418", retry_after_s=60)
    first = await rig.client.submit_entry(rig.credential, rig.entry())
    assert first.state is OrderState.REJECTED
    assert first.fault is not None
    assert first.fault.error_class is ErrorClass.EGRESS_RATE
    second = await rig.client.submit_entry(rig.credential, rig.entry())
    assert second.state is OrderState.PLANNED, "nothing leaves a banned address"
    assert second.fault is not None
    assert second.fault.retry_after_s is not None
    assert second.fault.retry_after_s > 30


async def test_venue_away_means_not_sent(rig: Rig) -> None:
    await rig.simulator.stop()
    reports = [await rig.client.submit_entry(rig.credential, rig.entry()) for _ in range(3)]
    assert all(report.state in (OrderState.PLANNED, OrderState.UNCONFIRMED) for report in reports)
    assert reports[-1].state is OrderState.PLANNED
    assert reports[-1].fault is not None
    assert reports[-1].fault.error_class is ErrorClass.NOT_SENT
    assert isinstance(await rig.client.prices(), VenueFault)


async def test_nothing_shown_holds_a_secret(rig: Rig) -> None:
    await rig.enter()
    shown = repr(rig.client) + repr(rig.credential) + str(rig.client.state())  # type: ignore[attr-defined]
    assert rig.credential.api_key not in shown
    assert rig.credential.secret.decode() not in shown
    assert str(rig.client.market) in shown
