"""Work out what an account may still spend. Cross and isolated margin count alike here (docs/SIMULATOR.md)."""

from decimal import Decimal

from simexchange.engine.account import Account, Position
from simexchange.engine.market import Market
from simexchange.engine.order import ZERO


def unrealized_pnl(market: Market, position: Position) -> Decimal:
    """Return a position's profit at the mark price, in USDT."""
    if not position.qty:
        return ZERO
    return position.qty * (market.prices[position.symbol] - position.entry_price)


def position_margin(market: Market, account: Account, position: Position) -> Decimal:
    """Return the initial margin that a position holds, in USDT."""
    if not position.qty:
        return ZERO
    return abs(position.qty) * market.prices[position.symbol] / account.leverage_of(position.symbol)


def order_margin(account: Account) -> Decimal:
    """Return the initial margin that open, opening orders hold, in USDT."""
    held = ZERO
    for order in account.open_orders.values():
        if not order.reduce_only:
            held += order.leaves_qty * order.price / account.leverage_of(order.symbol)
    return held


def total_unrealized_pnl(market: Market, account: Account) -> Decimal:
    """Return the profit of all positions at the mark prices, in USDT."""
    return sum((unrealized_pnl(market, p) for p in account.positions.values() if p.qty), ZERO)


def total_position_margin(market: Market, account: Account) -> Decimal:
    """Return the initial margin of all positions, in USDT."""
    return sum((position_margin(market, account, p) for p in account.positions.values() if p.qty), ZERO)


def available(market: Market, account: Account) -> Decimal:
    """Return what the account may still spend on margin and fees, in USDT; may be negative."""
    free = account.balance
    for position in account.positions.values():
        if position.qty:
            price = market.prices[position.symbol]
            margin = abs(position.qty) * price / account.leverage_of(position.symbol)
            free += position.qty * (price - position.entry_price) - margin
    if account.open_orders:
        free -= order_margin(account)
    return free
