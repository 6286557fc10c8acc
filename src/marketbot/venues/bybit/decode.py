"""Bybit's answers -> our words. Pure; a shape that is not documented raises ``ValueError`` (or a kin) and is no answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from marketbot.domain.execution_report import Absent, ErrorClass, OrderReport, VenueFault
from marketbot.domain.ids import ClientOrderId, Symbol, VenueOrderId
from marketbot.domain.instrument import Instrument
from marketbot.domain.money import ZERO
from marketbot.domain.order import OrderState
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.side import Leg, PositionSide

Json = Mapping[str, Any]

BAD_SHAPE = (ValueError, KeyError, TypeError, ArithmeticError, AttributeError, IndexError)
"""What reading an undocumented shape may raise."""

# docs/v5/enum, orderStatus (2026-07-24). Cancelled may have filled in part: a market order is an IOC inside a price band.
_STATE = {
    "New": OrderState.ACCEPTED,
    "Created": OrderState.ACCEPTED,
    "Untriggered": OrderState.ACCEPTED,
    "Triggered": OrderState.ACCEPTED,
    "PartiallyFilled": OrderState.PARTIALLY_FILLED,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELED,
    "PartiallyFilledCanceled": OrderState.CANCELED,
    "Deactivated": OrderState.CANCELED,
    "Rejected": OrderState.REJECTED,
}


def decimal(value: object) -> Decimal:
    """Read a number that the venue sends as a string. A bare JSON number has been through a float already: refused."""
    if type(value) is str:
        number = Decimal(value)
        if number.is_finite():  # "NaN" is a Decimal too, and compares with nothing
            return number
    raise ValueError("a decimal must come as a string")


def optional(value: object) -> Decimal | None:
    """Read a price that is empty or zero when it is not set."""
    return (decimal(value) or None) if value not in ("", None) else None


def acknowledgement(result: Json, client_order_id: ClientOrderId) -> OrderReport:
    """Read the reply to an order: it is taken in, and what becomes of it is told elsewhere.

    Raises:
        ValueError: it is not about ``client_order_id``.
    """
    if result["orderLinkId"] != client_order_id:
        raise ValueError("the answer is about another order")
    return OrderReport(state=OrderState.ACCEPTED, venue_order_id=VenueOrderId(result["orderId"]))


def order(rows: Iterable[Json], client_order_id: ClientOrderId) -> OrderReport | Absent:
    """Read a look-up by client order id, of the open or of the past orders."""
    for row in rows:
        if row["orderLinkId"] == client_order_id:
            return _order(row)
    return Absent()


def _order(row: Json) -> OrderReport:
    state = _STATE[row["orderStatus"]]
    filled = decimal(row["cumExecQty"])
    fault = None
    if state is OrderState.REJECTED:
        reason = str(row.get("rejectReason") or "")
        error_class = ErrorClass.FUNDS if "afford" in reason.lower() else ErrorClass.REFUSED
        fault = VenueFault(error_class, reason, "refused after it was acknowledged")
    return OrderReport(
        state=state,
        venue_order_id=VenueOrderId(row["orderId"]),
        filled_qty=filled,
        average_price=(optional(row["avgPrice"]) or ZERO) if filled else ZERO,
        trigger_price=optional(row.get("triggerPrice")),
        fault=fault,
    )


def protection(positions: tuple[VenuePosition, ...], leg: Leg, side: PositionSide | None) -> OrderReport | Absent:
    """Tell whether the position has its stop or target; of two open sides the worse one counts when ``side`` is not named."""
    prices = [
        position.stop_price if leg is Leg.STOP_LOSS else position.target_price
        for position in positions
        if side is None or position.side is side
    ]
    if not prices or None in prices:
        return Absent()
    return OrderReport(state=OrderState.ACCEPTED, trigger_price=prices[0])


def fired(rows: Iterable[Json], client_order_id: ClientOrderId, leg: Leg) -> OrderReport | Absent:
    """Find the fill of an attached stop or target among closed orders: a child has no id of its own, but names its parent's.

    The parent is the entry of the same intent, whose id differs from ours in the two characters of leg and attempt alone. A child
    that was set on the position later names no parent, and is not found.
    """
    stem = client_order_id[:-2]
    for row in rows:
        is_child = row.get("parentOrderLinkId", "")[:-2] == stem and _KIND.get(row.get("stopOrderType", "")) == leg.value
        if is_child and row["orderStatus"] == "Filled":
            return _order(row)
    return Absent()


def instruments(rows: Iterable[Json]) -> tuple[Instrument, ...]:
    """Read a page of instruments-info: USDT perpetuals only. What cannot be read is left out, what does not trade is marked."""
    found = []
    for row in rows:
        if row.get("contractType") == "LinearPerpetual" and row.get("quoteCoin") == "USDT" and row.get("settleCoin") == "USDT":
            try:
                found.append(_instrument(row))
            except BAD_SHAPE:
                continue
    return tuple(found)


def _instrument(row: Json) -> Instrument:
    lot = row["lotSizeFilter"]
    return Instrument(
        symbol=Symbol(f"{row['baseCoin']}{row['quoteCoin']}"),
        venue_symbol=row["symbol"],
        tick_size=_positive(row["priceFilter"]["tickSize"]),
        lot_size=_positive(lot["qtyStep"]),
        min_qty=decimal(lot["minOrderQty"]),
        max_market_qty=_positive(lot.get("maxMktOrderQty") or lot["maxOrderQty"]),
        min_notional=decimal(lot["minNotionalValue"]),
        max_leverage=_positive(row["leverageFilter"]["maxLeverage"]),
        tradable=row["status"] == "Trading",
    )


def _positive(text: object) -> Decimal:
    value = decimal(text)
    if value <= 0:
        raise ValueError("a step must be positive")
    return value


def prices(rows: Iterable[Json]) -> dict[Symbol, Decimal]:
    """Read the last price of every USDT perpetual, whose venue symbol is our symbol; dated ones carry a hyphen."""
    return {
        Symbol(row["symbol"]): price
        for row in rows
        if row["symbol"].endswith("USDT") and "-" not in row["symbol"] and (price := optional(row["lastPrice"])) is not None
    }


_POSITION_SIDE = {"Buy": PositionSide.LONG, "Sell": PositionSide.SHORT}


def positions(rows: Iterable[Json]) -> tuple[VenuePosition, ...]:
    """Read a page of position/list: the open ones, with the protection they carry. Empty rows have a size of zero."""
    return tuple(
        VenuePosition(
            venue_symbol=row["symbol"],
            side=_POSITION_SIDE[row["side"]],
            qty=size,
            entry_price=decimal(row["avgPrice"]),
            mark_price=optional(row.get("markPrice")),
            stop_price=optional(row.get("stopLoss")),
            target_price=optional(row.get("takeProfit")),
        )
        for row in rows
        if (size := optional(row["size"])) is not None
    )


def hedged(rows: Iterable[Json]) -> bool:
    """Tell from the rows of one symbol whether it has two sides."""
    return any(row["positionIdx"] != 0 for row in rows)


def balance(result: Json) -> tuple[Decimal, Decimal]:
    """Read a unified account's USDT: (wallet, what is not tied up in positions and orders)."""
    for account in result["list"]:
        for coin in account["coin"]:
            if coin["coin"] == "USDT":
                wallet = decimal(coin["walletBalance"])
                tied = (optional(coin.get("totalPositionIM")) or ZERO) + (optional(coin.get("totalOrderIM")) or ZERO)
                free = wallet + min(ZERO, optional(coin.get("unrealisedPnl")) or ZERO) - tied
                return wallet, max(ZERO, free)
    return ZERO, ZERO


_KIND = {"StopLoss": "stop_loss", "PartialStopLoss": "stop_loss", "TakeProfit": "take_profit", "PartialTakeProfit": "take_profit"}


def resting_order(row: Json) -> RestingOrder:
    """Read an open order; the children of an attached stop and target have no client order id of their own."""
    kind = _KIND.get(row.get("stopOrderType", ""), "other")
    return RestingOrder(
        client_order_id=row["orderLinkId"],
        venue_order_id=row["orderId"],
        venue_symbol=row["symbol"],
        conditional=row["orderStatus"] == "Untriggered",
        kind=kind,
        side=row["side"].lower(),
        trigger_price=optional(row.get("triggerPrice")),
        closes_position=bool(row.get("closeOnTrigger", False)) or (kind != "other" and row.get("tpslMode") == "Full"),
    )
