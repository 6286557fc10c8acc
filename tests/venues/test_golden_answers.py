"""What we read from the answers that the venues' documentation shows, and from the ways a bad day bends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marketbot.domain.execution_report import Absent, ErrorClass, OrderReport
from marketbot.domain.ids import ClientOrderId
from marketbot.domain.order import OrderState
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import PositionMode
from marketbot.venues.binance import decode as binance
from marketbot.venues.binance import key_rights as binance_rights
from marketbot.venues.bybit import decode as bybit
from marketbot.venues.bybit import key_rights as bybit_rights

GOLDEN = Path(__file__).parent / "golden"
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def _body(name: str) -> Any:
    kept = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert kept["source"].startswith("https://")
    return kept["body"]


def test_binance_order() -> None:
    assert binance.order(_body("binance_order"), ClientOrderId("abc")) == OrderReport(
        OrderState.ACCEPTED,
        venue_order_id="1917641",  # type: ignore[arg-type]
    )


# Public Endpoints Info, order status (2026-05-28). A market order that filled in part ends as EXPIRED.
@pytest.mark.parametrize(
    ("status", "executed", "state"),
    [
        ("FILLED", "0.40", OrderState.FILLED),
        ("PARTIALLY_FILLED", "0.10", OrderState.PARTIALLY_FILLED),
        ("EXPIRED", "0.10", OrderState.EXPIRED),
        ("EXPIRED_IN_MATCH", "0", OrderState.EXPIRED),
        ("CANCELED", "0", OrderState.CANCELED),
    ],
)
def test_binance_order_states(status: str, executed: str, state: OrderState) -> None:
    body = _body("binance_order") | {"status": status, "executedQty": executed, "avgPrice": "9300.5"}
    report = binance.order(body, ClientOrderId("abc"))
    assert report.state is state
    assert report.filled_qty == Decimal(executed)
    assert report.average_price == (Decimal("9300.5") if report.filled_qty else 0)


@pytest.mark.parametrize(
    "damage",
    [{"status": "NEW_STATUS"}, {"clientOrderId": "another"}, {"executedQty": 0.1}, {"executedQty": ""}, {"executedQty": None}],
)
def test_binance_answer_that_is_not_the_documented_one_is_no_answer(damage: dict[str, object]) -> None:
    with pytest.raises(binance.BAD_SHAPE):
        binance.order(_body("binance_order") | damage, ClientOrderId("abc"))


def test_binance_algo_order() -> None:
    body = _body("binance_algo_order")
    report = binance.algo_order(body, ClientOrderId("6B2I9XVcJpCjqPAJ4YoFX7"))
    assert (report.state, report.trigger_price) == (OrderState.CANCELED, Decimal(750))
    assert binance.child_order_id(body) is None
    triggered = body | {"algoStatus": "TRIGGERED", "actualOrderId": "88937381063"}
    assert binance.has_triggered(triggered)
    assert binance.child_order_id(triggered) == "88937381063"


def test_binance_positions() -> None:
    assert binance.positions(_body("binance_positions")) == (
        VenuePosition("ADAUSDT", LONG, Decimal(30), Decimal("0.385"), Decimal("0.41047590")),
        VenuePosition("COMPUSDT", SHORT, Decimal("1.000"), Decimal("70.92841"), Decimal("49.72023376")),
    )


def test_binance_resting_conditional_order() -> None:
    (row,) = _body("binance_open_algo_orders")
    assert binance.resting_algo_order(row) == RestingOrder(
        "MRumok0dkhrP4kCm12AHaB", "2148627", "BNBUSDT", True, "take_profit", "sell", Decimal(750), False
    )


# Wallet, Get API Key Permission; Futures Account Configuration (2026-05-28).
RIGHTS = {"ipRestrict": True, "enableFutures": True, "enableWithdrawals": False, "enableInternalTransfer": False}
CONFIG = {"canTrade": True, "dualSidePosition": True, "multiAssetsMargin": False}


def test_binance_key() -> None:
    good = binance_rights.read(CONFIG, RIGHTS)
    assert (good.problem, good.position_mode, good.ip_restricted) == (None, PositionMode.HEDGE, True)
    for name in ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer"):
        moves_money = binance_rights.read(CONFIG, RIGHTS | {name: True})
        assert moves_money.can_withdraw
        assert moves_money.problem is not None
    assert binance_rights.read(CONFIG, RIGHTS | {"enableFutures": False}).problem is not None
    assert binance_rights.read(CONFIG | {"multiAssetsMargin": True}, RIGHTS).problem is not None
    assert binance_rights.read(CONFIG, None).problem is None


def test_bybit_positions() -> None:
    body = _body("bybit_positions")
    assert bybit.positions(body["list"]) == (
        VenuePosition("BTCUSD", SHORT, Decimal(300), Decimal("27464.50441675"), Decimal("28224.50"), None, None),
    )
    flat = body["list"][0] | {"size": "0", "side": ""}
    assert bybit.positions([flat]) == ()
    assert not bybit.hedged(body["list"])
    assert bybit.hedged([flat | {"positionIdx": 1}])


def test_bybit_order_look_up() -> None:
    rows = _body("bybit_orders")["list"]
    report = bybit.order(rows, ClientOrderId("test-000005"))
    assert report == OrderReport(OrderState.ACCEPTED, venue_order_id="fd4300ae-7847-404e-b947-b46980a4d140")  # type: ignore[arg-type]
    assert bybit.order(rows, ClientOrderId("another")) == Absent()


# docs/v5/enum, orderStatus (2026-07-24): a market order that filled in part ends as Cancelled.
@pytest.mark.parametrize(
    ("status", "executed", "average", "state"),
    [
        ("Filled", "0.10", "1600.5", OrderState.FILLED),
        ("Cancelled", "0.04", "1600.5", OrderState.CANCELED),
        ("Cancelled", "0", "", OrderState.CANCELED),
        ("PartiallyFilled", "0.04", "1600.5", OrderState.PARTIALLY_FILLED),
        ("Untriggered", "0", "", OrderState.ACCEPTED),
        ("Deactivated", "0", "", OrderState.CANCELED),
    ],
)
def test_bybit_order_states(status: str, executed: str, average: str, state: OrderState) -> None:
    row = _body("bybit_orders")["list"][0] | {"orderStatus": status, "cumExecQty": executed, "avgPrice": average}
    report = bybit.order([row], ClientOrderId("test-000005"))
    assert isinstance(report, OrderReport)
    assert (report.state, report.filled_qty, report.average_price) == (state, Decimal(executed), Decimal(average or 0))


def test_bybit_late_reject_says_why() -> None:
    row = _body("bybit_orders")["list"][0] | {"orderStatus": "Rejected", "rejectReason": "EC_CannotAffordOrderCost"}
    report = bybit.order([row], ClientOrderId("test-000005"))
    assert isinstance(report, OrderReport)
    assert report.state is OrderState.REJECTED
    assert report.fault is not None
    assert (report.fault.error_class, report.fault.code) == (ErrorClass.FUNDS, "EC_CannotAffordOrderCost")


def test_bybit_acknowledgement_of_another_order_is_no_answer() -> None:
    with pytest.raises(bybit.BAD_SHAPE):
        bybit.acknowledgement({"orderId": "1", "orderLinkId": "another"}, ClientOrderId("mine"))


def test_bybit_protection_is_what_the_position_shows() -> None:
    guarded = VenuePosition("BTCUSDT", LONG, Decimal(1), Decimal(100), stop_price=Decimal(90))
    naked = VenuePosition("BTCUSDT", SHORT, Decimal(1), Decimal(100))
    found = bybit.protection((guarded,), Leg.STOP_LOSS, None)
    assert found == OrderReport(OrderState.ACCEPTED, trigger_price=Decimal(90))
    assert bybit.protection((guarded,), Leg.TAKE_PROFIT, None) == Absent()
    assert bybit.protection((guarded, naked), Leg.STOP_LOSS, None) == Absent()
    assert bybit.protection((guarded, naked), Leg.STOP_LOSS, LONG) == found
    assert bybit.protection((), Leg.STOP_LOSS, None) == Absent()


def test_bybit_wallet() -> None:
    result = _body("bybit_wallet")
    assert bybit.balance(result) == (Decimal(0), Decimal(0)), "no USDT in it"
    result["list"][0]["coin"][0] |= {"coin": "USDT", "walletBalance": "1000", "totalPositionIM": "150.5", "totalOrderIM": ""}
    assert bybit.balance(result) == (Decimal(1000), Decimal("849.5"))


def test_bybit_key() -> None:
    documented = bybit_rights.read(_body("bybit_key"), PositionMode.ONE_WAY)
    assert documented.can_withdraw, "transfers between accounts move money"
    assert not documented.can_trade
    assert documented.ip_restricted is False
    assert documented.expires_at == datetime(2023, 5, 15, 3, 13, 24, tzinfo=UTC)
    good = _body("bybit_key") | {
        "permissions": {"ContractTrade": ["Order", "Position"], "Wallet": []},
        "uta": 1,
        "ips": ["1.2.3.4"],
    }
    reading = bybit_rights.read(good, PositionMode.HEDGE)
    assert (reading.problem, reading.can_trade, reading.ip_restricted) == (None, True, True)
    assert bybit_rights.read(good | {"readOnly": 1}, PositionMode.HEDGE).problem is not None
    assert bybit_rights.read(good | {"uta": 0}, PositionMode.HEDGE).problem is not None


# Exchange Information (2026-05-28), the fields we read.
SYMBOL = {
    "symbol": "BTCUSDT",
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "120"},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
    ],
}


def test_binance_instruments() -> None:
    rows = [
        SYMBOL,
        SYMBOL | {"symbol": "OLDUSDT", "baseAsset": "OLD", "status": "SETTLING"},
        SYMBOL | {"symbol": "BTCUSDC", "quoteAsset": "USDC"},
        SYMBOL | {"symbol": "BTCUSDT_260925", "contractType": "CURRENT_QUARTER"},
        SYMBOL | {"symbol": "BADUSDT", "filters": []},
    ]
    found = binance.instruments({"symbols": rows})
    assert [(each.symbol, each.tradable) for each in found] == [("BTCUSDT", True), ("OLDUSDT", False)]
    assert (found[0].max_market_qty, found[0].min_notional) == (Decimal(120), Decimal(100))
