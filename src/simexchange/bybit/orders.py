"""Take, show, change and cancel orders."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from simexchange.bybit import encode
from simexchange.bybit import params as read
from simexchange.bybit.call import Call
from simexchange.bybit.errors import BybitError, from_refusal, param_error
from simexchange.engine import conditionals, matching
from simexchange.engine.order import ZERO, Conditional, ConditionalTicket, Order, Ticket
from simexchange.engine.refusal import Reason, RefusedError
from simexchange.engine.vocabulary import OrderKind, Purpose, Side

BATCH_MAX = 20


def create(call: Call) -> dict[str, Any]:
    """POST /v5/order/create: an acknowledgement only, at the venue as here."""
    params = call.params
    _only_linear(params)
    number, link_id = _conditional(call) if read.decimal(params, "triggerPrice") else _order(call)
    return {"orderId": encode.order_id(number), "orderLinkId": link_id}


def create_batch(call: Call) -> dict[str, Any]:
    """POST /v5/order/create-batch: each order stands alone; its fate is in retExtInfo."""
    return _batch(call, create, "createAt")


def cancel_batch(call: Call) -> dict[str, Any]:
    """POST /v5/order/cancel-batch."""
    return _batch(call, cancel, "")


def amend_batch(call: Call) -> dict[str, Any]:
    """POST /v5/order/amend-batch."""
    return _batch(call, amend, "")


def cancel(call: Call) -> dict[str, Any]:
    """POST /v5/order/cancel."""
    _only_linear(call.params)
    found = _find(call)
    if found is None or not found.is_open:
        raise RefusedError(Reason.ORDER_UNKNOWN)
    _cancel(call, found)
    return _named(found)


def cancel_all(call: Call) -> dict[str, Any]:
    """POST /v5/order/cancel-all, conditional orders too; a symbol or a settle coin is demanded."""
    params = call.params
    _only_linear(params)
    symbol = read.text(params, "symbol")
    if not symbol and not read.text(params, "settleCoin") and not read.text(params, "baseCoin"):
        raise param_error("symbol, settleCoin or baseCoin is needed")
    wanted = read.text(params, "orderFilter")
    account = call.account
    gone: list[Order | Conditional] = []
    if wanted in ("", "Order"):
        gone += [order for order in account.open_orders.values() if not symbol or order.symbol == symbol]
    if wanted in ("", "StopOrder"):
        gone += [c for c in account.open_conditionals.values() if not symbol or c.ticket.symbol == symbol]
    for found in gone:
        _cancel(call, found)
    return {"list": [_named(found) for found in gone], "success": "1"}


def amend(call: Call) -> dict[str, Any]:
    """POST /v5/order/amend: quantity, price, trigger."""
    params = call.params
    _only_linear(params)
    found = _find(call)
    if found is None or not found.is_open:
        raise RefusedError(Reason.ORDER_UNKNOWN)
    qty, price = read.decimal(params, "qty"), read.decimal(params, "price")
    if isinstance(found, Order):
        matching.amend(call.market, found, qty, price)
    else:
        conditionals.amend(call.market, found, qty, read.decimal(params, "triggerPrice"))
    return _named(found)


def _order(call: Call) -> tuple[int, str]:
    params = call.params
    kind = _kind(params)
    qty = read.decimal(params, "qty")
    if qty is None:
        raise param_error("qty is empty")
    side = read.side(params)
    reduce_only = read.flag(params, "reduceOnly")
    stop_loss, take_profit = read.decimal(params, "stopLoss"), read.decimal(params, "takeProfit")
    symbol = read.required(params, "symbol")
    if stop_loss or take_profit:
        _check_attached(call, symbol, side, stop_loss, take_profit, reduce_only=reduce_only)
    ticket = Ticket(
        symbol=symbol,
        side=side,
        qty=qty,
        client_order_id=read.link_id(params),
        kind=kind,
        position_side=read.position_side(params),
        price=read.decimal(params, "price") or ZERO if kind is OrderKind.LIMIT else ZERO,
        time_in_force=read.time_in_force(params),
        reduce_only=reduce_only,
        # Quantity zero with reduceOnly and closeOnTrigger closes the whole position (create order page).
        close_position=not qty and reduce_only and read.flag(params, "closeOnTrigger"),
        stop_loss=stop_loss or None,
        take_profit=take_profit or None,
        fill_fraction=call.plan.fill_fraction,
        order_hidden_s=call.plan.order_hidden_s,
        position_hidden_s=call.plan.position_hidden_s,
    )
    made = matching.submit(call.market, call.account, ticket)
    return made.order_id, made.client_order_id


def _check_attached(
    call: Call, symbol: str, side: Side, stop_loss: Decimal | None, take_profit: Decimal | None, *, reduce_only: bool
) -> None:
    if reduce_only:
        raise param_error("TP/SL cannot be set with reduceOnly")
    if read.text(call.params, "tpslMode") == "Partial":
        raise param_error("tpslMode Partial is not simulated")
    if call.plan.reject_stop:
        price = str(call.market.prices[call.market.instrument(symbol).symbol])
        name = encode.side(side)
        raise RefusedError(Reason.STOP_LOSS_WRONG_SIDE, side=name, value=str(stop_loss or take_profit), price=price)
    conditionals.check_attached(call.market, symbol, long=side is Side.BUY, stop_loss=stop_loss, take_profit=take_profit)


def _conditional(call: Call) -> tuple[int, str]:
    params = call.params
    kind = _kind(params)
    direction = read.integer(params, "triggerDirection", 0)
    if direction not in (1, 2):
        raise param_error("TriggerDirection invalid")
    trigger = read.decimal(params, "triggerPrice")
    qty = read.decimal(params, "qty")
    if qty is None or trigger is None:
        raise param_error("qty is empty")
    if call.plan.reject_stop:
        symbol = read.required(params, "symbol")
        detail = {"trigger": str(trigger), "price": str(call.market.prices[call.market.instrument(symbol).symbol])}
        raise RefusedError(Reason.TRIGGER_ALREADY_PASSED, rising=str(direction), **detail)
    close_position = not qty and read.flag(params, "reduceOnly") and read.flag(params, "closeOnTrigger")
    ticket = ConditionalTicket(
        symbol=read.required(params, "symbol"),
        side=read.side(params),
        qty=qty,
        client_order_id=read.link_id(params),
        trigger=trigger,
        rising=direction == 1,
        purpose=Purpose.PLAIN,
        kind=kind,
        position_side=read.position_side(params),
        price=read.decimal(params, "price") or ZERO if kind is OrderKind.LIMIT else ZERO,
        time_in_force=read.time_in_force(params),
        reduce_only=read.flag(params, "reduceOnly"),
        close_position=close_position,
        order_hidden_s=call.plan.order_hidden_s,
    )
    made = conditionals.place(call.market, call.account, ticket)
    return made.conditional_id, made.client_order_id


def _kind(params: read.Params) -> OrderKind:
    found = read.text(params, "orderType")
    if found == "Market":
        return OrderKind.MARKET
    if found == "Limit":
        return OrderKind.LIMIT
    raise param_error("orderType invalid")


def _only_linear(params: read.Params) -> None:
    if read.category(params) != "linear":
        raise param_error("only category linear is simulated")


def _find(call: Call) -> Order | Conditional | None:
    account = call.account
    text, link_id = read.text(call.params, "orderId"), read.text(call.params, "orderLinkId")
    found: Order | Conditional | None
    if text:
        number = encode.order_number(text)
        found = account.open_orders.get(number) or account.closed_orders.get(number)
        found = found or account.open_conditionals.get(number) or account.closed_conditionals.get(number)
    elif link_id:
        found = account.order_by_client_id.get(link_id) or account.conditional_by_client_id.get(link_id)
    else:
        raise param_error("orderId or orderLinkId is needed")
    if found is None or found.visible_at > call.market.clock.now():
        return None
    return found


def _cancel(call: Call, found: Order | Conditional) -> None:
    if isinstance(found, Order):
        matching.cancel(call.market, found)
    else:
        conditionals.cancel(call.market, found)


def _named(found: Order | Conditional) -> dict[str, Any]:
    number = found.order_id if isinstance(found, Order) else found.conditional_id
    return {"orderId": encode.order_id(number), "orderLinkId": found.client_order_id}


def _batch(call: Call, each: Any, stamp: str) -> dict[str, Any]:
    category = read.category(call.params)
    requests = call.params.get("request")
    if not isinstance(requests, list) or not 1 <= len(requests) <= BATCH_MAX:
        raise param_error(f"request must hold 1 to {BATCH_MAX} orders")
    rows, fates = [], []
    for one in requests:
        row = {"category": category, "symbol": "", "orderId": "", "orderLinkId": ""}
        fate: dict[str, Any] = {"code": 0, "msg": "OK"}
        try:
            if not isinstance(one, dict):
                raise param_error("request invalid")
            row["symbol"], row["orderLinkId"] = read.text(one, "symbol"), read.text(one, "orderLinkId")
            row |= each(replace(call, params={**one, "category": category}))
            if stamp:
                row[stamp] = str(call.market.time_ms())
        except (BybitError, RefusedError) as error:
            refusal = from_refusal(error) if isinstance(error, RefusedError) else error
            fate = {"code": refusal.ret_code, "msg": refusal.ret_msg}
        rows.append(row)
        fates.append(fate)
    call.ext_info["list"] = fates
    return {"list": rows}
