"""The key to the queue: an intent that passed the last look before it may be stored, to be sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Generic, TypeVar

from marketbot.domain.instrument import Instrument
from marketbot.domain.intent import Entry, Exit
from marketbot.domain.policy import Policy
from marketbot.domain.reasons import DenialReason
from marketbot.domain.side import PositionSide
from marketbot.risk.objection import Objection

_Approvable = TypeVar("_Approvable", Entry, Exit)
_SEAL = object()


class Approved(Generic[_Approvable]):
    """An intent that this module approved; nobody else can make one, so whoever holds it need not check again."""

    __slots__ = ("intent",)

    intent: _Approvable

    def __init__(self, intent: _Approvable, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only marketbot.risk.approval approves intents")
        self.intent = intent

    def __repr__(self) -> str:
        return f"Approved({self.intent!r})"


def approve_entry(entry: Entry, instrument: Instrument, policy: Policy) -> Approved[Entry] | Objection:
    """Look once more at what is about to be stored, whoever computed it: size, grid, and both legs on their side.

    This repeats sizing and protection on purpose; a bug there becomes a denial here instead of an order.
    """
    if not _is_protected(entry):
        return Objection(DenialReason.PROTECTION_PRICE_INVALID, "stop, reference and target are not in order")
    if entry.stop_price % instrument.tick_size or entry.target_price % instrument.tick_size:
        return Objection(DenialReason.PROTECTION_PRICE_INVALID, "a protective price lies off the instrument's grid")
    if entry.qty < instrument.min_qty or entry.qty <= 0 or entry.qty % instrument.lot_size:
        return Objection(DenialReason.QUANTITY_BELOW_MINIMUM, "the quantity lies off the instrument's grid")
    if entry.qty > instrument.max_market_qty or entry.qty * entry.reference_price > policy.max_order_notional:
        return Objection(DenialReason.NOTIONAL_EXCEEDS_MAX_PER_ACCOUNT, "larger than one order may be")
    return Approved(entry, _SEAL)


def approve_exit(exit_: Exit) -> Approved[Exit]:
    """Approve a close: it reduces risk, so no limit stands in its way."""
    return Approved(exit_, _SEAL)


def _is_protected(entry: Entry) -> bool:
    low, high = _outer_prices(entry)
    return 0 < low < entry.reference_price < high


def _outer_prices(entry: Entry) -> tuple[Decimal, Decimal]:
    if entry.side is PositionSide.LONG:
        return entry.stop_price, entry.target_price
    return entry.target_price, entry.stop_price
