"""The two books that are compared: what the exchange wrote down, and what our database says. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from marketbot.domain.client_order_id import PREFIX, TAG_LENGTH
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg

_LEG_OF_LETTER = {"e": Leg.ENTRY, "s": Leg.STOP_LOSS, "t": Leg.TAKE_PROFIT, "x": Leg.EXIT, "m": Leg.EMERGENCY_EXIT}
_ID_LENGTH = len(PREFIX) + TAG_LENGTH + 8 + 6 + 2

SignalAccountKey = tuple[int, int]
"""(signal_id, account_id): the unit that must be found exactly once on both sides."""


@dataclass(frozen=True, slots=True)
class OrderName:
    """What one of our client order ids says."""

    signal_id: int
    account_id: int
    leg: Leg
    attempt: int


def read_order_name(client_order_id: str, tag: str) -> OrderName | None:
    """Read a client order id of this installation; None when it is somebody else's."""
    head = PREFIX + tag
    if not client_order_id.startswith(head) or len(client_order_id) != _ID_LENGTH:
        return None
    signal, account = client_order_id[len(head) : len(head) + 8], client_order_id[len(head) + 8 : -2]
    leg = _LEG_OF_LETTER.get(client_order_id[-2])
    try:
        return None if leg is None else OrderName(int(signal, 36), int(account, 36), leg, int(client_order_id[-1], 36))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One event at the exchange. ``account`` is the exchange's number for it; ``kind`` is market, limit, stop, target or plain."""

    at: float
    venue: str
    environment: str
    account: int
    event: str
    kind: str
    order_id: int
    client_order_id: str
    symbol: str
    position_side: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One position at the exchange from its first fill to flat; ``unprotected_s`` is how long no stop of its full size rested."""

    account: int
    symbol: str
    direction: str
    opened_by: str
    unprotected_s: float
    is_open: bool
    protected_now: bool
    closed_by_client_order_id: str = ""


@dataclass(frozen=True, slots=True)
class VenueHolding:
    """A position that is open at the exchange now; ``qty`` is signed."""

    account: int
    symbol: str
    position_side: str
    qty: Decimal


@dataclass(frozen=True, slots=True)
class VenueBook:
    """All that the exchange knows."""

    entries: tuple[LedgerEntry, ...] = ()
    episodes: tuple[Episode, ...] = ()
    holdings: tuple[VenueHolding, ...] = ()


@dataclass(frozen=True, slots=True)
class IntentRow:
    """One decision of ours. ``result`` is the outcome's; None while there is none."""

    signal_id: int
    account_id: int
    lane: int
    denied_for: str | None
    result: str | None
    reason: str | None

    @property
    def key(self) -> SignalAccountKey:
        return (self.signal_id, self.account_id)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order of ours and where our book says it stands. ``venue`` tells whether protection rides on the entry there."""

    signal_id: int
    account_id: int
    leg: Leg
    client_order_id: str
    state: OrderState
    venue: str


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """An open position in our book; ``opened_by_us`` is false where a person opened it."""

    account_id: int
    symbol: str
    side: str
    qty: Decimal
    protection: str
    opened_by_us: bool = True


@dataclass(frozen=True, slots=True)
class StageTimes:
    """When one order reached each stage, in milliseconds since its signal was received."""

    claimed_ms: int | None
    sent_ms: int | None
    acked_ms: int | None
    protected_ms: int | None


@dataclass(frozen=True, slots=True)
class OurBook:
    """All that our database knows. ``unplanned`` are followers of an accepted signal without any decision."""

    tag: str
    intents: tuple[IntentRow, ...] = ()
    orders: tuple[OrderRow, ...] = ()
    holdings: tuple[HoldingRow, ...] = ()
    unplanned: tuple[SignalAccountKey, ...] = ()
    times: tuple[StageTimes, ...] = ()
    signals: int = 0
    pruned: frozenset[int] = frozenset()
    """Signals whose accounts' rows retention has taken away, or is taking: nothing is asked of them."""
    refused: tuple[tuple[str, int], ...] = ()
