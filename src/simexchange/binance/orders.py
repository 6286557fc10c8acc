"""Take, show and cancel orders at the order endpoints."""

from decimal import Decimal
from typing import Any

from simexchange.binance import encode
from simexchange.binance import params as read
from simexchange.binance.call import Call
from simexchange.binance.errors import BinanceError, missing
from simexchange.engine import matching
from simexchange.engine.order import ZERO, Order, Ticket
from simexchange.engine.vocabulary import OrderKind, PositionSide

PAGE_MAX = 1000
_MOVED_TO_ALGO = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})


def place(call: Call) -> dict[str, Any]:
    """POST /fapi/v1/order. The reply is RESULT or, by default, ACK, which tells of no fill."""
    made = matching.submit(call.market, call.account, ticket(call))
    return encode.order(made, acknowledged_only=call.params.get("newOrderRespType") != "RESULT")


def test(call: Call) -> dict[str, Any]:
    """POST /fapi/v1/order/test: read the order, place none."""
    asked = ticket(call)
    call.market.instrument(asked.symbol).check_qty(asked.qty, call.market.instrument(asked.symbol).max_qty)
    return {}


def ticket(call: Call) -> Ticket:
    """Read the parameters of a new order."""
    params = call.params
    symbol = read.required(params, "symbol")
    side = read.side(params)
    kind = read.required(params, "type")
    if kind in _MOVED_TO_ALGO:
        # Since 2025-12-09 the old endpoint refuses conditional types.
        raise BinanceError(-4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.")
    if kind not in ("MARKET", "LIMIT"):
        raise BinanceError(-1116, "Invalid orderType.")
    position_side = read.position_side(params)
    reduce_only = read.flag(params, "reduceOnly")
    if params.get("reduceOnly") and position_side is not PositionSide.BOTH:
        raise BinanceError(-1106, "Parameter 'reduceonly' sent when not required.")
    qty = read.decimal(params, "quantity")
    if qty is None:
        raise missing("quantity")
    price = read.decimal(params, "price")
    if kind == "LIMIT":
        read.required(params, "timeInForce")
        if price is None:
            raise missing("price")
    elif price is not None:
        raise BinanceError(-1106, "Parameter 'price' sent when not required.")
    return Ticket(
        symbol=symbol,
        side=side,
        qty=qty,
        client_order_id=read.client_id(params, "newClientOrderId", f"sim{call.market.next_trade_id():x}"),
        kind=OrderKind(kind),
        position_side=position_side,
        price=price or ZERO,
        time_in_force=read.time_in_force(params),
        reduce_only=reduce_only,
        fill_fraction=call.plan.fill_fraction,
        order_hidden_s=call.plan.order_hidden_s,
        position_hidden_s=call.plan.position_hidden_s,
    )


def show(call: Call) -> dict[str, Any]:
    """GET /fapi/v1/order."""
    found = _find(call)
    if found is None:
        raise BinanceError(-2013, "Order does not exist.")
    return encode.order(found, with_time=True)


def show_one_open(call: Call) -> dict[str, Any]:
    """GET /fapi/v1/openOrder."""
    found = _find(call)
    if found is None or not found.is_open:
        raise BinanceError(-2013, "Order does not exist.")
    return encode.order(found, with_time=True)


def show_open(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/openOrders."""
    symbol = call.params.get("symbol")
    if symbol:
        call.market.instrument(symbol)
    now = call.market.clock.now()
    return [
        encode.order(order, with_time=True)
        for order in call.account.open_orders.values()
        if (not symbol or order.symbol == symbol) and order.visible_at <= now
    ]


def show_all(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/allOrders, oldest first."""
    symbol = read.required(call.params, "symbol")
    first = read.integer(call.params, "orderId") or 0
    limit = min(read.integer(call.params, "limit") or 500, PAGE_MAX)
    now = call.market.clock.now()
    account = call.account
    found = [
        order
        for orders in (account.closed_orders, account.open_orders)
        for order in orders.values()
        if order.symbol == symbol and order.order_id >= first and order.visible_at <= now
    ]
    found.sort(key=lambda order: order.order_id)
    return [encode.order(order, with_time=True) for order in (found[:limit] if first else found[-limit:])]


def cancel(call: Call) -> dict[str, Any]:
    """DELETE /fapi/v1/order."""
    found = _find(call)
    if found is None or not found.is_open:
        raise BinanceError(-2011, "Unknown order sent.")
    matching.cancel(call.market, found)
    return encode.order(found)


def cancel_all(call: Call) -> dict[str, Any]:
    """DELETE /fapi/v1/allOpenOrders of one symbol; conditional orders stay."""
    symbol = read.required(call.params, "symbol")
    call.market.instrument(symbol)
    for order in list(call.account.open_orders.values()):
        if order.symbol == symbol:
            matching.cancel(call.market, order)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def amend(call: Call) -> dict[str, Any]:
    """PUT /fapi/v1/order: a limit order's quantity and price."""
    found = _find(call)
    if found is None or not found.is_open:
        raise BinanceError(-2013, "Order does not exist.")
    qty, price = read.decimal(call.params, "quantity"), read.decimal(call.params, "price")
    if qty is None:
        raise missing("quantity")
    if price is None:
        raise missing("price")
    matching.amend(call.market, found, qty, price)
    return encode.order(found)


def trades(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/userTrades, oldest first."""
    symbol = read.required(call.params, "symbol")
    call.market.instrument(symbol)
    order_id = read.integer(call.params, "orderId")
    from_id = read.integer(call.params, "fromId") or 0
    limit = min(read.integer(call.params, "limit") or 500, PAGE_MAX)
    now = call.market.clock.now()
    found = [
        encode.trade(fill)
        for fill in call.account.fills
        if fill.order.symbol == symbol
        and (order_id is None or fill.order.order_id == order_id)
        and fill.trade_id >= from_id
        and fill.order.visible_at <= now
    ]
    return found[-limit:]


def income(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/income: realized profit and commission of the fills kept."""
    symbol = call.params.get("symbol")
    rows: list[dict[str, Any]] = []
    for fill in call.account.fills:
        if symbol and fill.order.symbol != symbol:
            continue
        amounts: tuple[tuple[str, Decimal], ...] = (("REALIZED_PNL", fill.realized_pnl), ("COMMISSION", -fill.fee))
        rows.extend(
            {
                "symbol": fill.order.symbol,
                "incomeType": kind,
                "income": encode.money(amount),
                "asset": "USDT",
                "info": kind,
                "time": fill.at_ms,
                "tranId": fill.trade_id,
                "tradeId": str(fill.trade_id),
            }
            for kind, amount in amounts
            if amount
        )
    return rows[-PAGE_MAX:]


def _find(call: Call) -> Order | None:
    read.required(call.params, "symbol")
    order_id = read.integer(call.params, "orderId")
    client_order_id = call.params.get("origClientOrderId")
    account = call.account
    if order_id is not None:
        found = account.open_orders.get(order_id) or account.closed_orders.get(order_id)
    elif client_order_id:
        found = account.order_by_client_id.get(client_order_id)
    else:
        raise BinanceError(-1102, "Either 'orderId' or 'origClientOrderId' must be sent.")
    if found is None or found.symbol != call.params["symbol"] or found.visible_at > call.market.clock.now():
        return None
    return found
