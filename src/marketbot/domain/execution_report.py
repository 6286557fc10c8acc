"""What a venue told us about an order, in our own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from marketbot.domain.ids import VenueOrderId
from marketbot.domain.key_reason import KeyReason
from marketbot.domain.order import OrderState


class ErrorClass(StrEnum):
    """What a venue's refusal or silence means for us; venues map (status, code, text) to one of these."""

    NOT_SENT = "not_sent"
    """No byte of the request left this machine."""
    AMBIGUOUS = "ambiguous"
    """It may have been executed: only evidence decides."""
    RETRYABLE = "retryable"
    """A definite refusal that a later try may escape."""
    ACCOUNT_RATE = "account_rate"
    EGRESS_RATE = "egress_rate"
    """The source address is over its budget or banned; not executed."""
    CLOCK = "clock"
    DUPLICATE = "duplicate"
    """An order of this client order id is known: a success to be confirmed."""
    KEY = "key"
    FUNDS = "funds"
    SIZE = "size"
    MODE = "mode"
    LEVERAGE = "leverage"
    WOULD_TRIGGER = "would_trigger"
    """The stop's or target's price has been passed already."""
    NO_POSITION = "no_position"
    """The venue knows no position (yet): a clean refusal of a closing or protective order."""
    PROTECTION_EXISTS = "protection_exists"
    NOT_FOUND = "not_found"
    NO_CHANGE = "no_change"
    REFUSED = "refused"
    """A definite refusal we have no finer class for."""


@dataclass(frozen=True, slots=True)
class VenueFault:
    """Why a venue call did not do what was asked. ``text`` is the venue's, cut to a bounded length."""

    error_class: ErrorClass
    code: str = ""
    text: str = ""
    retry_after_s: float | None = None
    key_reason: KeyReason | None = field(default=None, compare=False)
    """What it says about the key, where it says something about it."""


@dataclass(slots=True)  # a frozen one costs three times as much to make
class OrderReport:
    """The venue's word on one order. Nobody changes it.

    ``state`` is where the order stands now; ``filled_qty`` in base, ``average_price`` in quote per base (zero while nothing
    filled). ``fault`` says why, for ``rejected``, ``unconfirmed`` and ``planned`` (which here means: not sent).
    """

    state: OrderState
    venue_order_id: VenueOrderId | None = None
    filled_qty: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    trigger_price: Decimal | None = None
    fault: VenueFault | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """A look-up that found nothing. One such answer proves nothing: read sides lag behind write sides."""
