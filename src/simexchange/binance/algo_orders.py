"""Serve the algo service, where conditional orders live since 2025-12-09."""

from typing import Any

from simexchange.binance import encode
from simexchange.binance import params as read
from simexchange.binance.call import Call
from simexchange.binance.errors import BinanceError, missing
from simexchange.engine import conditionals
from simexchange.engine.order import ZERO, Conditional, ConditionalTicket
from simexchange.engine.vocabulary import OrderKind, PositionSide, Purpose, Side

PAGE_MAX = 1000
_TYPES = {
    "STOP_MARKET": (Purpose.STOP, OrderKind.MARKET),
    "TAKE_PROFIT_MARKET": (Purpose.TARGET, OrderKind.MARKET),
    "STOP": (Purpose.STOP, OrderKind.LIMIT),
    "TAKE_PROFIT": (Purpose.TARGET, OrderKind.LIMIT),
}


def place(call: Call) -> dict[str, Any]:
    """POST /fapi/v1/algoOrder."""
    if call.params.get("algoType") != "CONDITIONAL":
        raise missing("algoType")
    asked = _ticket(call)
    if call.plan.reject_stop:
        raise BinanceError(-2021, "Order would immediately trigger.")
    return encode.algo_order(conditionals.place(call.market, call.account, asked))


def _ticket(call: Call) -> ConditionalTicket:
    params = call.params
    symbol = read.required(params, "symbol")
    side = read.side(params)
    kind_text = read.required(params, "type")
    if kind_text not in _TYPES:
        raise BinanceError(-1116, "Invalid orderType.")
    purpose, kind = _TYPES[kind_text]
    trigger = read.decimal(params, "triggerPrice")
    if trigger is None:
        raise missing("triggerPrice")
    position_side = read.position_side(params)
    close_position = read.flag(params, "closePosition")
    reduce_only = read.flag(params, "reduceOnly")
    qty = read.decimal(params, "quantity")
    price = read.decimal(params, "price")
    if close_position:
        _check_close_position(kind, position_side, side, quantity_sent=bool(qty), reduce_only=reduce_only)
    elif qty is None:
        raise missing("quantity")
    if params.get("reduceOnly") and position_side is not PositionSide.BOTH:
        raise BinanceError(-1106, "Parameter 'reduceonly' sent when not required.")
    if kind is OrderKind.LIMIT and price is None:
        raise missing("price")
    return ConditionalTicket(
        symbol=symbol,
        side=side,
        qty=ZERO if close_position else qty or ZERO,
        client_order_id=read.client_id(params, "clientAlgoId", f"sim{call.market.next_trade_id():x}"),
        trigger=trigger,
        # A stop buys when the price rises and sells when it falls; a target the other way round.
        rising=(side is Side.BUY) is (purpose is Purpose.STOP),
        purpose=purpose,
        kind=kind,
        position_side=position_side,
        price=price or ZERO,
        time_in_force=read.time_in_force(params),
        reduce_only=reduce_only,
        close_position=close_position,
        order_hidden_s=call.plan.order_hidden_s,
    )


def _check_close_position(
    kind: OrderKind, position_side: PositionSide, side: Side, *, quantity_sent: bool, reduce_only: bool
) -> None:
    if kind is not OrderKind.MARKET:
        raise BinanceError(-4136, "Target strategy invalid for orderType STOP,closePosition true")
    if quantity_sent:
        raise BinanceError(-4137, "Quantity must be zero with closePosition equals true")
    if reduce_only:
        raise BinanceError(-1106, "Parameter 'reduceonly' sent when not required.")
    if (position_side, side) in ((PositionSide.LONG, Side.BUY), (PositionSide.SHORT, Side.SELL)):
        raise BinanceError(-4061, "Order's position side does not match user's setting.")


def show(call: Call) -> dict[str, Any]:
    """GET /fapi/v1/algoOrder."""
    found = _find(call)
    if found is None:
        raise BinanceError(-2013, "Order does not exist.")
    return encode.algo_order(found, queried=True)


def show_open(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/openAlgoOrders: those that have not triggered."""
    symbol = call.params.get("symbol")
    now = call.market.clock.now()
    return [
        encode.algo_order(conditional, queried=True)
        for conditional in call.account.open_conditionals.values()
        if (not symbol or conditional.ticket.symbol == symbol) and conditional.visible_at <= now
    ]


def show_all(call: Call) -> list[dict[str, Any]]:
    """GET /fapi/v1/allAlgoOrders of one symbol, oldest first."""
    symbol = read.required(call.params, "symbol")
    first = read.integer(call.params, "algoId") or 0
    limit = min(read.integer(call.params, "limit") or 500, PAGE_MAX)
    now = call.market.clock.now()
    account = call.account
    found = [
        conditional
        for kept in (account.closed_conditionals, account.open_conditionals)
        for conditional in kept.values()
        if conditional.ticket.symbol == symbol and conditional.conditional_id >= first and conditional.visible_at <= now
    ]
    found.sort(key=lambda conditional: conditional.conditional_id)
    page = found[:limit] if first else found[-limit:]
    return [encode.algo_order(conditional, queried=True) for conditional in page]


def cancel(call: Call) -> dict[str, Any]:
    """DELETE /fapi/v1/algoOrder."""
    found = _find(call)
    if found is None or not found.is_open:
        raise BinanceError(-2011, "Unknown order sent.")
    conditionals.cancel(call.market, found)
    return {
        "algoId": found.conditional_id,
        "clientAlgoId": found.client_order_id,
        "code": "200",
        "msg": "success",
    }


def cancel_all(call: Call) -> dict[str, Any]:
    """DELETE /fapi/v1/algoOpenOrders of one symbol."""
    symbol = read.required(call.params, "symbol")
    call.market.instrument(symbol)
    for conditional in list(call.account.open_conditionals.values()):
        if conditional.ticket.symbol == symbol:
            conditionals.cancel(call.market, conditional)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def _find(call: Call) -> Conditional | None:
    algo_id = read.integer(call.params, "algoId")
    client_algo_id = call.params.get("clientAlgoId")
    account = call.account
    if algo_id is not None:
        found = account.open_conditionals.get(algo_id) or account.closed_conditionals.get(algo_id)
    elif client_algo_id:
        found = account.conditional_by_client_id.get(client_algo_id)
    else:
        raise BinanceError(-1102, "Either 'algoId' or 'clientAlgoId' must be sent.")
    if found is None or found.visible_at > call.market.clock.now():
        return None
    return found
