"""Write orders and fills as Binance shows them (response examples of the USD-M futures docs, 2026)."""

from decimal import Decimal
from typing import Any

from simexchange.engine.order import Conditional, Fill, Order
from simexchange.engine.vocabulary import OrderKind, OrderStatus, Purpose, TimeInForce


def plain(value: Decimal) -> str:
    """Write a decimal without an exponent."""
    return format(value, "f")


def money(value: Decimal) -> str:
    """Write an amount with eight decimals."""
    return format(value, ".8f")


def conditional_type(conditional: Conditional) -> str:
    """Return Binance's name for the kind of a conditional order."""
    word = "TAKE_PROFIT" if conditional.ticket.purpose is Purpose.TARGET else "STOP"
    return f"{word}_MARKET" if conditional.ticket.kind is OrderKind.MARKET else word


def order(order_: Order, *, with_time: bool = False, acknowledged_only: bool = False) -> dict[str, Any]:
    """Write an order; `acknowledged_only` is the ACK reply, which knows of no fill yet."""
    filled = Decimal(0) if acknowledged_only else order_.filled_qty
    quote = Decimal(0) if acknowledged_only else order_.filled_quote
    average = Decimal(0) if acknowledged_only else order_.average_price
    original = order_.kind.value if order_.origin is None else conditional_type(order_.origin)
    made: dict[str, Any] = {
        "orderId": order_.order_id,
        "symbol": order_.symbol,
        "status": OrderStatus.NEW if acknowledged_only else order_.status,
        "clientOrderId": order_.client_order_id,
        "price": plain(order_.price),
        "avgPrice": plain(average) if average else "0.00",
        "origQty": plain(order_.qty),
        "executedQty": plain(filled),
        "cumQty": plain(filled),
        "cumQuote": plain(quote),
        "timeInForce": order_.time_in_force,
        "type": order_.kind,
        "reduceOnly": order_.reduce_only,
        "closePosition": order_.close_position,
        "side": order_.side,
        "positionSide": order_.position_side,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": original,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "updateTime": order_.updated_at_ms,
    }
    if with_time:
        made["time"] = order_.created_at_ms
    return made


def algo_order(conditional: Conditional, *, queried: bool = False) -> dict[str, Any]:
    """Write a conditional order; a query also tells of the order that it became."""
    ticket = conditional.ticket
    made: dict[str, Any] = {
        "algoId": conditional.conditional_id,
        "clientAlgoId": ticket.client_order_id,
        "algoType": "CONDITIONAL",
        "orderType": conditional_type(conditional),
        "symbol": ticket.symbol,
        "side": ticket.side,
        "positionSide": ticket.position_side,
        # closePosition implies GTE_GTC whatever was sent (observed live by several clients, 2026).
        "timeInForce": TimeInForce.GTE_GTC if ticket.close_position else ticket.time_in_force,
        "quantity": plain(conditional.qty),
        "algoStatus": conditional.status,
        "triggerPrice": plain(conditional.trigger),
        "price": plain(ticket.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": ticket.close_position,
        "priceProtect": False,
        "reduceOnly": ticket.reduce_only or ticket.close_position,
        "activatePrice": "",
        "callbackRate": "",
        "createTime": conditional.created_at_ms,
        "updateTime": conditional.updated_at_ms,
        "triggerTime": conditional.triggered_at_ms,
        "goodTillDate": 0,
    }
    if queried:
        child = conditional.child
        made["actualOrderId"] = str(child.order_id) if child is not None else ""
        made["actualPrice"] = plain(child.average_price) if child is not None else "0.00000"
        made["tpTriggerPrice"] = made["tpPrice"] = made["slTriggerPrice"] = made["slPrice"] = "0.000"
        made["tpOrderType"] = ""
    return made


def trade(fill: Fill) -> dict[str, Any]:
    """Write a fill as userTrades shows it."""
    order_ = fill.order
    return {
        "symbol": order_.symbol,
        "id": fill.trade_id,
        "orderId": order_.order_id,
        "side": order_.side,
        "price": plain(fill.price),
        "qty": plain(fill.qty),
        "realizedPnl": money(fill.realized_pnl),
        "quoteQty": plain(fill.qty * fill.price),
        "commission": money(fill.fee),
        "commissionAsset": "USDT",
        "time": fill.at_ms,
        "positionSide": order_.position_side,
        "maker": fill.maker,
        "buyer": order_.side == "BUY",
    }
