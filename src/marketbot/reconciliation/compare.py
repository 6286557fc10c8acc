"""Where our books and the venue differ. Pure: two views in, findings out, most urgent first.

The venue is right about what is held. Orders that are not ours are looked at, for a foreign stop protects too, and never
become part of a finding that leads to an action on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from marketbot.domain.client_order_id import is_ours
from marketbot.domain.ids import Symbol
from marketbot.domain.order import SETTLED, OrderState
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg, PositionSide


class Kind(StrEnum):
    """What differs, in the order in which it is mended."""

    POSITION_GONE = "position_gone"
    """Open by our books, not there at the venue."""
    STOP_MISSING = "stop_missing"
    TARGET_MISSING = "target_missing"
    QUANTITY_DIFFERS = "quantity_differs"
    STOP_UNRECORDED = "stop_unrecorded"
    """A stop rests, and our books still call the position unprotected."""
    POSITION_FOREIGN = "position_foreign"
    """At the venue, and not in our books: a person opened it, or an entry of ours that was thought to have come to nothing."""
    ORPHAN_PROTECTION = "orphan_protection"
    """A stop or target of ours rests, or may rest, and there is no position for it."""


@dataclass(frozen=True, slots=True)
class Booked:
    """One position by our books, as comparing needs it; ``legs`` are the protective orders' states."""

    symbol: Symbol
    side: PositionSide
    by_signal: bool
    protection: ProtectionState
    qty: Decimal
    legs: Mapping[Leg, OrderState]


@dataclass(frozen=True, slots=True)
class Held:
    """One position by the venue's word."""

    symbol: Symbol
    position: VenuePosition


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. ``held`` is the venue's position where there is one; ``order`` the orphan that was seen resting."""

    kind: Kind
    symbol: Symbol
    side: PositionSide
    held: VenuePosition | None = None
    order: RestingOrder | None = None


def compare(
    booked: Sequence[Booked],
    held: Sequence[Held],
    resting: Mapping[Symbol, Sequence[RestingOrder]],
    *,
    attaches_protection: bool,
    tag: str,
    busy: frozenset[Symbol] = frozenset(),
) -> tuple[Finding, ...]:
    """Return what differs at one account.

    ``resting`` holds the open orders of the symbols that were asked for; about others nothing is concluded. Where protection is a
    property of the position, it is not needed. ``busy`` symbols are left to the run that works on them.
    """
    findings: list[Finding] = []
    ours = {(each.symbol, each.side): each for each in booked}
    theirs = {(each.symbol, each.position.side): each.position for each in held}
    for place, book in ours.items():
        if book.symbol in busy:
            continue
        position = theirs.get(place)
        if book.protection is ProtectionState.CLOSED:
            if position is None and any(state not in SETTLED for state in book.legs.values()):
                findings.append(Finding(Kind.ORPHAN_PROTECTION, book.symbol, book.side))
        elif position is None:
            findings.append(Finding(Kind.POSITION_GONE, book.symbol, book.side))
        else:
            findings.extend(_differences(book, position, resting.get(book.symbol), attaches_protection))
    for (symbol, side), position in theirs.items():
        known = ours.get((symbol, side))
        if symbol not in busy and (known is None or known.protection is ProtectionState.CLOSED):
            findings.append(Finding(Kind.POSITION_FOREIGN, symbol, side, position))
    findings.extend(_orphans(theirs, ours, resting, tag, busy))
    order = list(Kind)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.kind)))


def _differences(
    book: Booked, position: VenuePosition, orders: Sequence[RestingOrder] | None, attaches_protection: bool
) -> list[Finding]:
    found = []
    if position.qty != book.qty:
        found.append(Finding(Kind.QUANTITY_DIFFERS, book.symbol, book.side, position))
    if not book.by_signal:
        return found
    if attaches_protection:
        has_stop, has_target = position.stop_price is not None, position.target_price is not None
    elif orders is not None:
        has_stop, has_target = _rests(orders, Leg.STOP_LOSS, book.side), _rests(orders, Leg.TAKE_PROFIT, book.side)
    else:
        return found
    if not has_stop:
        found.append(Finding(Kind.STOP_MISSING, book.symbol, book.side, position))
    elif book.protection is not ProtectionState.PROTECTED:
        found.append(Finding(Kind.STOP_UNRECORDED, book.symbol, book.side, position))
    if not has_target:
        found.append(Finding(Kind.TARGET_MISSING, book.symbol, book.side, position))
    return found


def _rests(orders: Sequence[RestingOrder], leg: Leg, side: PositionSide) -> bool:
    """Tell whether an order for the whole position rests, whosever it is."""
    return any(order.kind == leg and order.closes_position and order.side == side.exit for order in orders)


def _orphans(
    theirs: Mapping[tuple[Symbol, PositionSide], VenuePosition],
    ours: Mapping[tuple[Symbol, PositionSide], Booked],
    resting: Mapping[Symbol, Sequence[RestingOrder]],
    tag: str,
    busy: frozenset[Symbol],
) -> list[Finding]:
    found = []
    for symbol, orders in resting.items():
        for order in orders:
            leg = order.kind
            if symbol in busy or not order.conditional or not is_ours(order.client_order_id, tag):
                continue
            if leg not in (Leg.STOP_LOSS, Leg.TAKE_PROFIT):
                continue
            side = next(each for each in PositionSide if each.exit == order.side)
            book = ours.get((symbol, side))
            is_booked = book is not None and (book.protection is not ProtectionState.CLOSED or _is_loose(book))
            if (symbol, side) not in theirs and not is_booked:
                found.append(Finding(Kind.ORPHAN_PROTECTION, symbol, side, order=order))
    return found


def _is_loose(book: Booked) -> bool:
    return any(state not in SETTLED for state in book.legs.values())
