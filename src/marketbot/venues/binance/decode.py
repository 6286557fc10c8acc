"""Binance's answers -> our words. Pure; a shape that is not documented raises ``ValueError`` (or a kin) and is no answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from marketbot.domain.execution_report import OrderReport
from marketbot.domain.ids import ClientOrderId, Symbol, VenueOrderId
from marketbot.domain.instrument import Instrument
from marketbot.domain.money import ZERO
from marketbot.domain.order import OrderState
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.side import PositionSide

Json = Mapping[str, Any]

BAD_SHAPE = (ValueError, KeyError, TypeError, ArithmeticError, AttributeError, IndexError)
"""What reading an undocumented shape may raise."""

# Public Endpoints Info, "Order status" (2026-05-28). EXPIRED covers a market order that filled in part: its filled_qty tells.
_STATE = {
    "NEW": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}

# Event: Algo Order Update (2026-05-28). TRIGGERED and FINISHED are told by the order it became, see ``child_order_id``.
_ALGO_STATE = {
    "NEW": OrderState.ACCEPTED,
    "TRIGGERING": OrderState.ACCEPTED,
    "TRIGGERED": OrderState.ACCEPTED,
    "FINISHED": OrderState.ACCEPTED,
    "CANCELED": OrderState.CANCELED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
}


def decimal(value: object) -> Decimal:
    """Read a number that the venue sends as a string. A bare JSON number has been through a float already: refused."""
    if type(value) is str or type(value) is int:
        number = Decimal(value)
        if number.is_finite():  # "NaN" is a Decimal too, and compares with nothing
            return number
    raise ValueError("a decimal must come as a string")


def order(body: Json, client_order_id: ClientOrderId | None) -> OrderReport:
    """Read a reply about one plain order.

    Raises:
        ValueError: it is not about ``client_order_id``, or has a status we do not know.
    """
    if client_order_id is not None and body["clientOrderId"] != client_order_id:
        raise ValueError("the answer is about another order")
    filled = decimal(body["executedQty"])
    return OrderReport(
        state=_STATE[body["status"]],
        venue_order_id=VenueOrderId(str(body["orderId"])),
        filled_qty=filled,
        average_price=decimal(body["avgPrice"]) if filled else ZERO,
    )


def algo_order(body: Json, client_order_id: ClientOrderId) -> OrderReport:
    """Read a reply about one conditional order.

    Raises:
        ValueError: it is not about ``client_order_id``, or has a status we do not know.
    """
    if body["clientAlgoId"] != client_order_id:
        raise ValueError("the answer is about another order")
    return OrderReport(
        state=_ALGO_STATE[body["algoStatus"]],
        venue_order_id=VenueOrderId(str(body["algoId"])),
        trigger_price=decimal(body["triggerPrice"]),
    )


def child_order_id(body: Json) -> str | None:
    """Return the id of the order that a triggered conditional order became."""
    child = str(body.get("actualOrderId") or "")
    return child if child not in ("", "0") else None


def has_triggered(body: Json) -> bool:
    """Tell whether a conditional order has become an order of its own."""
    return body["algoStatus"] in ("TRIGGERED", "FINISHED")


def instruments(body: Json) -> tuple[Instrument, ...]:
    """Read exchangeInfo: USDT-margined perpetuals only. What cannot be read is left out, what does not trade is marked."""
    found = []
    for row in body["symbols"]:
        if (
            row.get("contractType") == "PERPETUAL"
            and row.get("quoteAsset") == "USDT"
            and row.get("marginAsset", "USDT") == "USDT"
        ):
            try:
                found.append(_instrument(row))
            except BAD_SHAPE:
                continue
    return tuple(found)


def _instrument(row: Json) -> Instrument:
    filters = {each["filterType"]: each for each in row["filters"]}
    lot, market_lot = filters["LOT_SIZE"], filters.get("MARKET_LOT_SIZE", filters["LOT_SIZE"])
    return Instrument(
        symbol=Symbol(f"{row['baseAsset']}{row['quoteAsset']}"),
        venue_symbol=row["symbol"],
        tick_size=_positive(filters["PRICE_FILTER"]["tickSize"]),
        # Market orders must lie on both grids; where they differ the coarser one holds, and the venue's are multiples.
        lot_size=max(_positive(lot["stepSize"]), decimal(market_lot["stepSize"])),
        min_qty=max(decimal(lot["minQty"]), decimal(market_lot["minQty"])),
        max_market_qty=_positive(market_lot["maxQty"]),
        min_notional=decimal(filters["MIN_NOTIONAL"]["notional"]),
        tradable=row["status"] == "TRADING",
    )


def _positive(text: object) -> Decimal:
    value = decimal(text)
    if value <= 0:
        raise ValueError("a step must be positive")
    return value


def prices(body: Iterable[Json]) -> dict[Symbol, Decimal]:
    """Read the last price of every USDT perpetual, whose venue symbol is our symbol; dated ones carry an underscore."""
    return {
        Symbol(row["symbol"]): price
        for row in body
        if row["symbol"].endswith("USDT") and "_" not in row["symbol"] and (price := decimal(row["price"])) > 0
    }


def positions(body: Iterable[Json]) -> tuple[VenuePosition, ...]:
    """Read positionRisk v3: the open positions, whose amount is signed."""
    found = []
    for row in body:
        amount = decimal(row["positionAmt"])
        if amount:
            found.append(
                VenuePosition(
                    venue_symbol=row["symbol"],
                    side=PositionSide.LONG if amount > 0 else PositionSide.SHORT,
                    qty=abs(amount),
                    entry_price=decimal(row["entryPrice"]),
                    mark_price=decimal(row["markPrice"]) if row.get("markPrice") else None,
                )
            )
    return tuple(found)


def balance(body: Iterable[Json]) -> tuple[Decimal, Decimal]:
    """Read the USDT row of balance v3: (wallet, available)."""
    for row in body:
        if row["asset"] == "USDT":
            return decimal(row["balance"]), decimal(row["availableBalance"])
    return ZERO, ZERO


def resting_order(row: Json) -> RestingOrder:
    """Read a row of openOrders."""
    return RestingOrder(
        client_order_id=row["clientOrderId"],
        venue_order_id=str(row["orderId"]),
        venue_symbol=row["symbol"],
        conditional=False,
        kind="other",
        side=row["side"].lower(),
        trigger_price=None,
        closes_position=bool(row.get("closePosition", False)),
    )


_KIND = {"STOP_MARKET": "stop_loss", "STOP": "stop_loss", "TAKE_PROFIT_MARKET": "take_profit", "TAKE_PROFIT": "take_profit"}


def resting_algo_order(row: Json) -> RestingOrder:
    """Read a row of openAlgoOrders."""
    return RestingOrder(
        client_order_id=row["clientAlgoId"],
        venue_order_id=str(row["algoId"]),
        venue_symbol=row["symbol"],
        conditional=True,
        kind=_KIND.get(row["orderType"], "other"),
        side=row["side"].lower(),
        trigger_price=decimal(row["triggerPrice"]),
        closes_position=bool(row["closePosition"]),
    )
