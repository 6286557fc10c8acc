"""Hold orders, conditional orders and fills.

What never changes is a NamedTuple: ten thousand accounts make hundreds of thousands of them, and they cost a third
of a frozen dataclass.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from simexchange.engine.vocabulary import (
    ConditionalStatus,
    Ending,
    OrderKind,
    OrderStatus,
    PositionSide,
    Purpose,
    Side,
    TimeInForce,
)

if TYPE_CHECKING:
    from simexchange.engine.account import Account

ZERO = Decimal(0)


class Ticket(NamedTuple):
    """Ask for an order. `close_position` means all of the position, whatever its size when the order executes."""

    symbol: str
    side: Side
    qty: Decimal
    client_order_id: str
    kind: OrderKind = OrderKind.MARKET
    position_side: PositionSide = PositionSide.BOTH
    price: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    close_position: bool = False
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    fill_fraction: Decimal | None = None
    """A fault: the part of a market order that finds a counterparty."""
    order_hidden_s: float = 0.0
    """A fault: how long queries do not yet see the order."""
    position_hidden_s: float = 0.0
    """A fault: how long queries and the algo service do not yet see the position."""


class ConditionalTicket(NamedTuple):
    """Ask for an order that is made when the price reaches `trigger` (from below when `rising`)."""

    symbol: str
    side: Side
    qty: Decimal
    client_order_id: str
    trigger: Decimal
    rising: bool
    purpose: Purpose
    kind: OrderKind = OrderKind.MARKET
    position_side: PositionSide = PositionSide.BOTH
    price: Decimal = ZERO
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    close_position: bool = False
    attached: bool = False
    parent_client_order_id: str = ""
    order_hidden_s: float = 0.0


@dataclass(slots=True, eq=False)
class Order:
    """An order in, or through, the book. Times are epoch milliseconds, `visible_at` epoch seconds."""

    order_id: int
    account: "Account" = field(repr=False)
    client_order_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    kind: OrderKind
    qty: Decimal
    price: Decimal
    time_in_force: TimeInForce
    reduce_only: bool
    created_at_ms: int
    updated_at_ms: int
    close_position: bool = False
    status: OrderStatus = OrderStatus.NEW
    ending: Ending = Ending.NONE
    filled_qty: Decimal = ZERO
    filled_quote: Decimal = ZERO
    fee: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    visible_at: float = 0.0
    index_sequence: int = 0
    origin: "Conditional | None" = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    price_at_creation: Decimal = ZERO

    @property
    def is_open(self) -> bool:
        """Say whether the order can still fill."""
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)

    @property
    def shown_client_order_id(self) -> str:
        """Return the client id, or for an attached stop or target that of the entry it came with."""
        if self.origin is not None and not self.client_order_id:
            return self.origin.ticket.parent_client_order_id
        return self.client_order_id

    @property
    def leaves_qty(self) -> Decimal:
        """Return what is still to be filled, zero once the order has ended."""
        return self.qty - self.filled_qty if self.is_open else ZERO

    @property
    def average_price(self) -> Decimal:
        """Return the mean price of the fills, zero without any."""
        if not self.filled_qty:
            return ZERO
        return round_average(self.filled_quote / self.filled_qty)


@dataclass(slots=True, eq=False)
class Conditional:
    """An order that waits for a price. Its child, once triggered, is `child`."""

    conditional_id: int
    account: "Account" = field(repr=False)
    ticket: ConditionalTicket
    created_at_ms: int
    updated_at_ms: int
    trigger: Decimal
    qty: Decimal
    status: ConditionalStatus = ConditionalStatus.NEW
    ending: Ending = Ending.NONE
    reject_text: str = ""
    visible_at: float = 0.0
    index_sequence: int = 0
    triggered_at_ms: int = 0
    child: Order | None = None
    price_at_creation: Decimal = ZERO

    @property
    def client_order_id(self) -> str:
        """Return the id its owner gave it."""
        return self.ticket.client_order_id

    @property
    def is_open(self) -> bool:
        """Say whether it still waits."""
        return self.status is ConditionalStatus.NEW


class Fill(NamedTuple):
    """An execution: quantity and price, with its fee and the profit that it realized, in USDT."""

    trade_id: int
    order: Order
    qty: Decimal
    price: Decimal
    fee: Decimal
    realized_pnl: Decimal
    maker: bool
    at_ms: int


_AVERAGE_QUANTUM = Decimal("0.00000001")


def round_average(price: Decimal) -> Decimal:
    """Round a mean price to the eight decimals that the venues show."""
    return price.quantize(_AVERAGE_QUANTUM).normalize()
