"""Hold an account: its key, money, settings, positions and orders."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from simexchange.engine.order import ZERO, Conditional, Fill, Order
from simexchange.engine.vocabulary import PositionSide
from simexchange.limits import Window

CLOSED_ORDERS_KEPT = 1000
FILLS_KEPT = 2000
DEFAULT_LEVERAGE = 20


class EventSink(Protocol):
    """Take an account's events as they happen: a user stream is one."""

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        """Take a new state of an order, with the fill that brought it."""

    def conditional_changed(self, conditional: Conditional) -> None:
        """Take a new state of a conditional order."""

    def position_changed(self, position: "Position") -> None:
        """Take a new position and balance."""


@dataclass(slots=True, eq=False)
class Position:
    """A position: signed quantity, mean entry price. `visible_at` is epoch seconds (a fault may lie behind it)."""

    symbol: str
    side: PositionSide
    qty: Decimal = ZERO
    entry_price: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    opened_at_ms: int = 0
    updated_at_ms: int = 0
    visible_at: float = 0.0


@dataclass(slots=True, eq=False)
class Account:
    """An account at one venue and environment. `balance` is the wallet, in USDT."""

    account_id: int
    label: str
    api_key: str = field(repr=False)
    api_secret: bytes = field(repr=False)
    balance: Decimal
    hedge: bool = False
    can_trade: bool = True
    can_withdraw: bool = False
    key_valid: bool = True
    hung: bool = False
    ip_whitelist: tuple[str, ...] = ()
    key_expires_at_ms: int | None = None
    """When the key lapses, as told by the venue's key information; nothing here ends it."""
    leverage: int = DEFAULT_LEVERAGE
    leverage_by_symbol: dict[str, int] = field(default_factory=dict)
    isolated_symbols: set[str] = field(default_factory=set)
    isolated_margin: bool = False
    positions: dict[tuple[str, PositionSide], Position] = field(default_factory=dict)
    open_orders: dict[int, Order] = field(default_factory=dict)
    closed_orders: dict[int, Order] = field(default_factory=dict)
    open_conditionals: dict[int, Conditional] = field(default_factory=dict)
    closed_conditionals: dict[int, Conditional] = field(default_factory=dict)
    order_by_client_id: dict[str, Order] = field(default_factory=dict)
    conditional_by_client_id: dict[str, Conditional] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    sinks: list[EventSink] = field(default_factory=list, repr=False)
    usage: dict[str, Window] = field(default_factory=dict, repr=False)
    """The limits' counters, kept by the face that owns them."""

    def position(self, symbol: str, side: PositionSide) -> Position:
        """Return the position of that symbol and side, made flat when there was none."""
        key = (symbol, side)
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(symbol, side)
        return found

    def leverage_of(self, symbol: str) -> int:
        """Return the leverage set for the symbol."""
        return self.leverage_by_symbol.get(symbol, self.leverage)

    def is_isolated(self, symbol: str) -> bool:
        """Say whether the symbol uses isolated margin."""
        return self.isolated_margin or symbol in self.isolated_symbols

    def keep(self, order: Order) -> None:
        """File an order under open or closed, by its state; the oldest closed ones are forgotten."""
        if order.client_order_id:
            self.order_by_client_id[order.client_order_id] = order
        if order.is_open:
            self.open_orders[order.order_id] = order
            return
        self.open_orders.pop(order.order_id, None)
        self.closed_orders[order.order_id] = order
        if len(self.closed_orders) > CLOSED_ORDERS_KEPT:
            old = self.closed_orders.pop(next(iter(self.closed_orders)))
            if self.order_by_client_id.get(old.client_order_id) is old:
                del self.order_by_client_id[old.client_order_id]

    def keep_conditional(self, conditional: Conditional) -> None:
        """File a conditional order under open or closed, by its state."""
        if conditional.client_order_id:
            self.conditional_by_client_id[conditional.client_order_id] = conditional
        if conditional.is_open:
            self.open_conditionals[conditional.conditional_id] = conditional
            return
        self.open_conditionals.pop(conditional.conditional_id, None)
        self.closed_conditionals[conditional.conditional_id] = conditional
        if len(self.closed_conditionals) > CLOSED_ORDERS_KEPT:
            old = self.closed_conditionals.pop(next(iter(self.closed_conditionals)))
            if self.conditional_by_client_id.get(old.client_order_id) is old:
                del self.conditional_by_client_id[old.client_order_id]

    def keep_fill(self, fill: Fill) -> None:
        """Remember a fill; the oldest half is forgotten when there are too many."""
        self.fills.append(fill)
        if len(self.fills) > FILLS_KEPT:
            del self.fills[: FILLS_KEPT // 2]
