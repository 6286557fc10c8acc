"""Record all that the exchange did, in order, for whoever audits its clients."""

from decimal import Decimal
from typing import Any, NamedTuple

from simexchange.engine.order import Conditional, Order
from simexchange.engine.vocabulary import Environment, LedgerEvent, Venue

LEDGER_ENTRIES_MAX = 4_000_000


class LedgerFullError(Exception):
    """The ledger reached its bound: an exchange that cannot record does not trade."""


class LedgerEntry(NamedTuple):
    """One event. `at` is epoch seconds; `kind` is market, limit or the
    purpose of a conditional order (stop, target, plain). A stop or target that came attached to an entry has no client
    order id of its own and goes under the entry's; `kind` tells them apart."""

    seq: int
    at: float
    venue: Venue
    environment: Environment
    account_id: int
    event: LedgerEvent
    kind: str
    order_id: int
    client_order_id: str
    symbol: str
    side: str
    position_side: str
    qty: Decimal
    price: Decimal
    reduce_only: bool
    close_position: bool
    note: str


class Ledger:
    """Append-only; `seq` starts at 1 and has no gaps."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[LedgerEntry] = []

    def record_order(
        self, at: float, venue: Venue, environment: Environment, event: LedgerEvent, order: Order, qty: Decimal, price: Decimal
    ) -> None:
        """Record what happened to an order."""
        origin = order.origin
        self._append(
            LedgerEntry(
                seq=len(self.entries) + 1,
                at=at,
                venue=venue,
                environment=environment,
                account_id=order.account.account_id,
                event=event,
                kind=origin.ticket.purpose.value if origin is not None else order.kind.value.lower(),
                order_id=order.order_id,
                client_order_id=order.shown_client_order_id,
                symbol=order.symbol,
                side=order.side,
                position_side=order.position_side,
                qty=qty,
                price=price,
                reduce_only=order.reduce_only,
                close_position=order.close_position,
                note=order.ending.value,
            )
        )

    def record_conditional(
        self, at: float, venue: Venue, environment: Environment, event: LedgerEvent, conditional: Conditional
    ) -> None:
        """Record what happened to a conditional order; its price is the trigger."""
        ticket = conditional.ticket
        self._append(
            LedgerEntry(
                seq=len(self.entries) + 1,
                at=at,
                venue=venue,
                environment=environment,
                account_id=conditional.account.account_id,
                event=event,
                kind=ticket.purpose.value,
                order_id=conditional.conditional_id,
                client_order_id=ticket.client_order_id or ticket.parent_client_order_id,
                symbol=ticket.symbol,
                side=ticket.side,
                position_side=ticket.position_side,
                qty=conditional.qty,
                price=conditional.trigger,
                reduce_only=ticket.reduce_only,
                close_position=ticket.close_position,
                note=conditional.ending.value,
            )
        )

    def after(self, seq: int, limit: int) -> list[dict[str, Any]]:
        """Return at most `limit` entries that follow the one with that number; decimals as texts."""
        return [_written(entry) for entry in self.entries[seq : seq + limit]]

    def _append(self, entry: LedgerEntry) -> None:
        if len(self.entries) >= LEDGER_ENTRIES_MAX:
            raise LedgerFullError
        self.entries.append(entry)


def _written(entry: LedgerEntry) -> dict[str, Any]:
    made = entry._asdict()
    made["qty"], made["price"] = format(entry.qty, "f"), format(entry.price, "f")
    return made
