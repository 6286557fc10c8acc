"""Show orders, fills and closed profit, a page at a time."""

from collections.abc import Iterable
from typing import Any

from simexchange.bybit import encode
from simexchange.bybit import params as read
from simexchange.bybit.call import Call
from simexchange.bybit.errors import param_error
from simexchange.engine.order import Conditional, Order

REALTIME_CLOSED_SHOWN = 500
PAGE_DEFAULT = 20
PAGE_MAX = 50
FILLS_PAGE_MAX = 100


def realtime(call: Call) -> dict[str, Any]:
    """GET /v5/order/realtime: open orders; with an id also the last 500 closed, as with openOnly=1."""
    params = call.params
    if read.category(params) != "linear":
        return _page([], call)
    by_id = bool(read.text(params, "orderId") or read.text(params, "orderLinkId"))
    if not by_id and not any(read.text(params, name) for name in ("symbol", "settleCoin", "baseCoin")):
        raise param_error("symbol, settleCoin or baseCoin is needed")
    account = call.account
    found: list[Order | Conditional] = []
    closed_wanted = by_id or read.integer(params, "openOnly", 0) != 0
    if by_id or not closed_wanted:
        found += [*account.open_orders.values(), *account.open_conditionals.values()]
    if closed_wanted:
        found += _closed(call)[:REALTIME_CLOSED_SHOWN]
    return _page(found, call)


def history(call: Call) -> dict[str, Any]:
    """GET /v5/order/history: closed orders."""
    if read.category(call.params) != "linear":
        return _page([], call)
    return _page(_closed(call), call)


def executions(call: Call) -> dict[str, Any]:
    """GET /v5/execution/list, newest first."""
    params = call.params
    symbol, link_id = read.text(params, "symbol"), read.text(params, "orderLinkId")
    number = encode.order_number(read.text(params, "orderId"))
    now = call.market.clock.now()
    rows = [
        encode.execution(fill)
        for fill in reversed(call.account.fills)
        if (not symbol or fill.order.symbol == symbol)
        and (not link_id or fill.order.client_order_id == link_id)
        and (not read.text(params, "orderId") or fill.order.order_id == number)
        and fill.order.visible_at <= now
    ]
    return {"category": "linear", **_cut(rows, call, FILLS_PAGE_MAX)}


def closed_pnl(call: Call) -> dict[str, Any]:
    """GET /v5/position/closed-pnl, newest first: one row a closing fill."""
    symbol = read.text(call.params, "symbol")
    rows = []
    for fill in reversed(call.account.fills):
        order = fill.order
        if not fill.realized_pnl or (symbol and order.symbol != symbol):
            continue
        entry = fill.price - fill.realized_pnl / fill.qty * -order.side.sign
        rows.append(
            {
                "symbol": order.symbol,
                "orderId": encode.order_id(order.order_id),
                "side": encode.side(order.side),
                "qty": encode.plain(order.qty),
                "orderPrice": encode.plain(order.price),
                "orderType": "Market" if order.kind == "MARKET" else "Limit",
                "execType": "Trade",
                "closedSize": encode.plain(fill.qty),
                "cumEntryValue": encode.plain(entry * fill.qty),
                "avgEntryPrice": encode.plain(entry),
                "cumExitValue": encode.plain(fill.price * fill.qty),
                "avgExitPrice": encode.plain(fill.price),
                "closedPnl": encode.plain(fill.realized_pnl - fill.fee),
                "openFee": "0",
                "closeFee": encode.plain(fill.fee),
                "fillCount": "1",
                "leverage": str(call.account.leverage_of(order.symbol)),
                "createdTime": str(fill.at_ms),
                "updatedTime": str(fill.at_ms),
            }
        )
    return {"category": "linear", **_cut(rows, call, FILLS_PAGE_MAX)}


def _closed(call: Call) -> list[Order | Conditional]:
    account = call.account
    # A triggered conditional order lives on under the same id as an order of the book.
    waiting = (c for c in account.closed_conditionals.values() if c.child is None)
    found: list[Order | Conditional] = [*account.closed_orders.values(), *waiting]
    found.sort(key=lambda one: one.updated_at_ms, reverse=True)
    return found


def _page(found: Iterable[Order | Conditional], call: Call) -> dict[str, Any]:
    params = call.params
    symbol, link_id = read.text(params, "symbol"), read.text(params, "orderLinkId")
    order_id, order_filter = read.text(params, "orderId"), read.text(params, "orderFilter")
    now = call.market.clock.now()
    rows = []
    for one in found:
        is_order = isinstance(one, Order)
        if one.visible_at > now or (order_filter in ("Order", "StopOrder") and is_order is (order_filter != "Order")):
            continue
        row = encode.order(one) if isinstance(one, Order) else encode.conditional(one)
        if (
            (not symbol or row["symbol"] == symbol)
            and (not link_id or row["orderLinkId"] == link_id)
            and (not order_id or row["orderId"] == order_id)
        ):
            rows.append(row)
    return {"category": read.text(params, "category"), **_cut(rows, call, PAGE_MAX)}


def _cut(rows: list[dict[str, Any]], call: Call, maximum: int) -> dict[str, Any]:
    """Return one page; the cursor is how many rows came before."""
    limit = min(max(read.integer(call.params, "limit", PAGE_DEFAULT), 1), maximum)
    start = read.integer(call.params, "cursor", 0)
    end = start + limit
    return {"list": rows[start:end], "nextPageCursor": str(end) if end < len(rows) else ""}
