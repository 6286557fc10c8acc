"""Write orders, fills and positions as Bybit v5 shows them (response examples of the v5 docs, 2026)."""

from decimal import Decimal
from typing import Any

from simexchange.bybit.params import POSITION_INDEX
from simexchange.engine import conditionals, margin
from simexchange.engine.account import Account, Position
from simexchange.engine.market import Market
from simexchange.engine.order import Conditional, Fill, Order
from simexchange.engine.vocabulary import (
    ConditionalStatus,
    Ending,
    OrderKind,
    OrderStatus,
    Purpose,
    Side,
    TimeInForce,
)

_ID_PREFIX = "51a0e8c2-0000-4000-8000-"
_STATUS = {
    OrderStatus.NEW: "New",
    OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled",
    OrderStatus.EXPIRED: "Cancelled",
    OrderStatus.REJECTED: "Rejected",
}
_CANCEL_TYPE = {
    Ending.NONE: "UNKNOWN",
    Ending.BY_USER: "CancelByUser",
    Ending.POSITION_CLOSED: "CancelByTpSlTsClear",
    Ending.SIBLING_STOP_TRIGGERED: "CancelByOCOTpCanceledBySlTriggered",
    Ending.SIBLING_TARGET_TRIGGERED: "CancelByOCOSlCanceledByTpTriggered",
    Ending.REPLACED: "CancelByUser",
    Ending.NOT_MARKETABLE: "UNKNOWN",
    Ending.WOULD_TAKE: "UNKNOWN",
    Ending.REDUCE_ONLY: "CancelByReduceOnly",
    Ending.MARGIN: "CancelByCannotAffordOrderCost",
}
_REJECT_REASON = {
    Ending.NOT_MARKETABLE: "EC_NoImmediateQtyToFill",
    Ending.WOULD_TAKE: "EC_PostOnlyWillTakeLiquidity",
    Ending.BY_USER: "EC_PerCancelRequest",
}
_TIME_IN_FORCE = {TimeInForce.GTX: "PostOnly", TimeInForce.GTE_GTC: "GTC"}
_STOP_TYPE = {Purpose.STOP: "StopLoss", Purpose.TARGET: "TakeProfit", Purpose.PLAIN: "Stop"}


def plain(value: Decimal) -> str:
    """Write a decimal without an exponent, without needless zeros after the point."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def or_empty(value: Decimal | None) -> str:
    """Write a decimal, nothing when it is absent or zero."""
    return plain(value) if value else ""


def order_id(number: int) -> str:
    """Return the id that clients see."""
    return f"{_ID_PREFIX}{number:012x}"


def order_number(text: str) -> int:
    """Return the engine's number of an order id, 0 when it is none of ours."""
    if not text.startswith(_ID_PREFIX):
        return 0
    try:
        return int(text[len(_ID_PREFIX) :], 16)
    except ValueError:
        return 0


def side(value: Side) -> str:
    """Write a side."""
    return "Buy" if value is Side.BUY else "Sell"


def order(order_: Order) -> dict[str, Any]:
    """Write an order of the book."""
    made = _blank(order_.origin)
    made |= {
        "orderId": order_id(order_.order_id),
        "orderLinkId": order_.client_order_id,
        "symbol": order_.symbol,
        "price": plain(order_.price),
        "qty": plain(order_.qty),
        "side": side(order_.side),
        "positionIdx": POSITION_INDEX[order_.position_side],
        "orderStatus": _STATUS[order_.status],
        "cancelType": _CANCEL_TYPE[order_.ending],
        "rejectReason": _REJECT_REASON.get(order_.ending, "EC_NoError"),
        "avgPrice": or_empty(order_.average_price),
        "leavesQty": plain(order_.leaves_qty),
        "leavesValue": plain(order_.leaves_qty * order_.price),
        "cumExecQty": plain(order_.filled_qty),
        "cumExecValue": plain(order_.filled_quote),
        "cumExecFee": plain(order_.fee),
        "cumFeeDetail": {"USDT": plain(order_.fee)} if order_.fee else {},
        "closedPnl": plain(order_.realized_pnl),
        "timeInForce": "IOC"
        if order_.kind is OrderKind.MARKET
        else _TIME_IN_FORCE.get(order_.time_in_force, order_.time_in_force.value),
        "orderType": "Market" if order_.kind is OrderKind.MARKET else "Limit",
        "lastPriceOnCreated": plain(order_.price_at_creation),
        "reduceOnly": order_.reduce_only,
        "closeOnTrigger": order_.close_position,
        "createdTime": str(order_.created_at_ms),
        "updatedTime": str(order_.updated_at_ms),
    }
    if order_.stop_loss or order_.take_profit:
        made |= {
            "takeProfit": or_empty(order_.take_profit),
            "stopLoss": or_empty(order_.stop_loss),
            "tpslMode": "Full",
            "tpTriggerBy": "LastPrice" if order_.take_profit else "",
            "slTriggerBy": "LastPrice" if order_.stop_loss else "",
        }
    return made


def conditional(waiting: Conditional) -> dict[str, Any]:
    """Write a conditional order that has not become an order of the book."""
    ticket = waiting.ticket
    made = _blank(waiting)
    qty = waiting.qty
    if ticket.close_position:
        position = waiting.account.positions.get((ticket.symbol, ticket.position_side))
        qty = abs(position.qty) if position is not None and position.qty else qty
    status = "Untriggered"
    if waiting.status is not ConditionalStatus.NEW:
        status = "Cancelled" if ticket.attached else "Deactivated"
        if waiting.status is ConditionalStatus.REJECTED:
            status = "Rejected"
    made |= {
        "orderId": order_id(waiting.conditional_id),
        "orderLinkId": ticket.client_order_id,
        "symbol": ticket.symbol,
        "price": plain(ticket.price),
        "qty": plain(qty),
        "side": side(ticket.side),
        "positionIdx": POSITION_INDEX[ticket.position_side],
        "orderStatus": status,
        "cancelType": _CANCEL_TYPE[waiting.ending],
        "rejectReason": _REJECT_REASON.get(waiting.ending, "EC_NoError"),
        "leavesQty": plain(qty) if waiting.is_open else "0",
        "timeInForce": "IOC" if ticket.kind is OrderKind.MARKET else ticket.time_in_force.value,
        "orderType": "Market" if ticket.kind is OrderKind.MARKET else "Limit",
        "lastPriceOnCreated": plain(waiting.price_at_creation),
        "reduceOnly": ticket.reduce_only,
        "closeOnTrigger": ticket.close_position,
        "createdTime": str(waiting.created_at_ms),
        "updatedTime": str(waiting.updated_at_ms),
    }
    return made


def _blank(origin: Conditional | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "blockTradeId": "",
        "isLeverage": "",
        "createType": "CreateByUser",
        "avgPrice": "",
        "leavesValue": "0",
        "cumExecQty": "0",
        "cumExecValue": "0",
        "cumExecFee": "0",
        "cumFeeDetail": {},
        "closedPnl": "0",
        "stopOrderType": "",
        "orderIv": "",
        "marketUnit": "",
        "triggerPrice": "",
        "takeProfit": "",
        "stopLoss": "",
        "tpslMode": "",
        "ocoTriggerBy": "",
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "triggerDirection": 0,
        "triggerBy": "",
        "placeType": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "parentOrderLinkId": "",
        "category": "linear",
    }
    if origin is not None:
        ticket = origin.ticket
        made["stopOrderType"] = _STOP_TYPE[ticket.purpose]
        made["triggerPrice"] = plain(origin.trigger)
        made["triggerDirection"] = 1 if ticket.rising else 2
        made["triggerBy"] = "LastPrice"
        made["parentOrderLinkId"] = ticket.parent_client_order_id
        if ticket.attached:
            made["createType"] = f"CreateBy{_STOP_TYPE[ticket.purpose]}"
            made["tpslMode"] = "Full"
    return made


def execution(fill: Fill) -> dict[str, Any]:
    """Write a fill."""
    order_ = fill.order
    reducing = bool(fill.realized_pnl) or order_.reduce_only
    return {
        "category": "linear",
        "symbol": order_.symbol,
        "orderId": order_id(order_.order_id),
        "orderLinkId": order_.client_order_id,
        "side": side(order_.side),
        "orderPrice": plain(order_.price),
        "orderQty": plain(order_.qty),
        "leavesQty": plain(order_.qty - order_.filled_qty),
        "orderType": "Market" if order_.kind is OrderKind.MARKET else "Limit",
        "stopOrderType": _STOP_TYPE[order_.origin.ticket.purpose] if order_.origin is not None else "UNKNOWN",
        "createType": "CreateByUser",
        "execFee": plain(fill.fee),
        "execId": f"{_ID_PREFIX}{fill.trade_id:012x}",
        "execPrice": plain(fill.price),
        "execQty": plain(fill.qty),
        "execType": "Trade",
        "execValue": plain(fill.qty * fill.price),
        "execTime": str(fill.at_ms),
        "execPnl": plain(fill.realized_pnl),
        "feeCurrency": "USDT",
        "feeRate": plain((fill.fee / (fill.qty * fill.price)).quantize(Decimal("0.00001"))),
        "isMaker": fill.maker,
        "isLeverage": "",
        "tradeIv": "",
        "markIv": "",
        "markPrice": plain(fill.price),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": plain(fill.qty) if reducing else "0",
        "seq": fill.trade_id,
        "extraFees": "",
    }


def position(market: Market, account: Account, held: Position) -> dict[str, Any]:
    """Write a position; a flat one has no side."""
    price = market.prices[held.symbol]
    size = abs(held.qty)
    stop = conditionals.attached(account, held, Purpose.STOP)
    target = conditionals.attached(account, held, Purpose.TARGET)
    initial = margin.position_margin(market, account, held)
    sides = {True: "Buy", False: "Sell"}
    return {
        "positionIdx": POSITION_INDEX[held.side],
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": held.symbol,
        "side": sides[held.qty > 0] if held.qty else "",
        "size": plain(size),
        "avgPrice": plain(held.entry_price.quantize(Decimal("0.00000001"))) if size else "0",
        "positionValue": plain(size * held.entry_price) if size else "",
        "tradeMode": 0,
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "leverage": str(account.leverage_of(held.symbol)),
        "markPrice": plain(price),
        "liqPrice": "",
        "bustPrice": "",
        "positionMM": plain(initial / 10),
        "positionIM": plain(initial),
        "positionBalance": plain(initial) if size else "0",
        "tpslMode": "Full",
        "takeProfit": plain(target.trigger) if target is not None else "",
        "stopLoss": plain(stop.trigger) if stop is not None else "",
        "trailingStop": "0",
        "sessionAvgPrice": "",
        "delta": "",
        "gamma": "",
        "vega": "",
        "theta": "",
        "unrealisedPnl": plain(margin.unrealized_pnl(market, held)) if size else "",
        "curRealisedPnl": plain(held.realized_pnl),
        "cumRealisedPnl": plain(held.realized_pnl),
        "adlRankIndicator": 2 if size else 0,
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "createdTime": str(held.opened_at_ms or market.time_ms()),
        "updatedTime": str(held.updated_at_ms or market.time_ms()),
        "seq": 0,
    }
