"""Write user-data events as Binance sends them (user data streams pages of the USD-M futures docs, 2026)."""

from typing import Any

from simexchange.binance.encode import conditional_type, money, plain
from simexchange.engine import margin
from simexchange.engine.account import Account, Position
from simexchange.engine.market import Market
from simexchange.engine.order import Conditional, Fill, Order
from simexchange.engine.vocabulary import Ending, OrderStatus, TimeInForce


def order_trade_update(market: Market, order: Order, fill: Fill | None) -> dict[str, Any]:
    """Write ORDER_TRADE_UPDATE; without a fill the execution type is the new status."""
    execution = "TRADE" if fill is not None else order.status.value
    if fill is None and order.status is OrderStatus.PARTIALLY_FILLED:
        execution = "AMENDMENT"
    now = market.time_ms()
    return {
        "e": "ORDER_TRADE_UPDATE",
        "E": now,
        "T": order.updated_at_ms,
        "o": {
            "s": order.symbol,
            "c": order.client_order_id,
            "S": order.side,
            "o": order.kind,
            "f": order.time_in_force,
            "q": plain(order.qty),
            "p": plain(order.price),
            "ap": plain(order.average_price),
            "sp": plain(order.origin.trigger) if order.origin is not None else "0",
            "x": execution,
            "X": order.status,
            "i": order.order_id,
            "l": plain(fill.qty) if fill is not None else "0",
            "z": plain(order.filled_qty),
            "L": plain(fill.price) if fill is not None else "0",
            "N": "USDT",
            "n": money(fill.fee) if fill is not None else "0",
            "T": order.updated_at_ms,
            "t": fill.trade_id if fill is not None else 0,
            "b": "0",
            "a": "0",
            "m": fill is not None and fill.maker,
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": order.kind.value if order.origin is None else conditional_type(order.origin),
            "ps": order.position_side,
            "cp": order.close_position,
            "rp": money(fill.realized_pnl) if fill is not None else "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": 0,
            # 9: the market order could not be filled completely; 4: reduce-only order cut by the engine.
            "er": {Ending.NOT_MARKETABLE: "9", Ending.REDUCE_ONLY: "4"}.get(order.ending, "0"),
        },
    }


def account_update(market: Market, account: Account, position: Position) -> dict[str, Any]:
    """Write ACCOUNT_UPDATE for the position that changed."""
    now = market.time_ms()
    isolated = account.is_isolated(position.symbol)
    entry = plain(position.entry_price)
    return {
        "e": "ACCOUNT_UPDATE",
        "E": now,
        "T": now,
        "a": {
            "m": "ORDER",
            "B": [{"a": "USDT", "wb": money(account.balance), "cw": money(account.balance), "bc": "0"}],
            "P": [
                {
                    "s": position.symbol,
                    "pa": plain(position.qty),
                    "ep": entry,
                    "bep": entry,
                    "cr": money(position.realized_pnl),
                    "up": money(margin.unrealized_pnl(market, position)),
                    "mt": "isolated" if isolated else "cross",
                    "iw": "0",
                    "ps": position.side,
                }
            ],
        },
    }


def algo_update(market: Market, conditional: Conditional) -> dict[str, Any]:
    """Write ALGO_UPDATE."""
    ticket, child = conditional.ticket, conditional.child
    return {
        "e": "ALGO_UPDATE",
        "T": conditional.updated_at_ms,
        "E": market.time_ms(),
        "o": {
            "caid": ticket.client_order_id,
            "aid": conditional.conditional_id,
            "at": "CONDITIONAL",
            "o": conditional_type(conditional),
            "s": ticket.symbol,
            "S": ticket.side,
            "ps": ticket.position_side,
            "f": TimeInForce.GTE_GTC if ticket.close_position else ticket.time_in_force,
            "q": plain(conditional.qty),
            "X": conditional.status,
            "ai": str(child.order_id) if child is not None else "",
            "ap": plain(child.average_price) if child is not None else "0.00000",
            "aq": plain(child.filled_qty) if child is not None else "0.00000",
            "act": ticket.kind.value if child is not None else "0",
            "tp": plain(conditional.trigger),
            "p": plain(ticket.price),
            "V": "EXPIRE_MAKER",
            "wt": "CONTRACT_PRICE",
            "pm": "NONE",
            "cp": ticket.close_position,
            "pP": False,
            "R": ticket.reduce_only or ticket.close_position,
            "tt": conditional.triggered_at_ms,
            "gtd": 0,
            "rm": conditional.reject_text,
        },
    }


def mark_price_update(market: Market, symbol: str) -> dict[str, Any]:
    """Write markPriceUpdate."""
    now = market.time_ms()
    price = money(market.prices[symbol])
    next_funding = (now // 28_800_000 + 1) * 28_800_000
    return {
        "e": "markPriceUpdate",
        "E": now,
        "s": symbol,
        "p": price,
        "i": price,
        "P": price,
        "r": "0.00010000",
        "T": next_funding,
    }


def book_ticker(market: Market, symbol: str) -> dict[str, Any]:
    """Write bookTicker: bid and ask stand at the one price."""
    now = market.time_ms()
    price, qty = plain(market.prices[symbol]), plain(market.instruments[symbol].max_market_qty)
    return {"e": "bookTicker", "u": now, "E": now, "T": now, "s": symbol, "b": price, "B": qty, "a": price, "A": qty}
