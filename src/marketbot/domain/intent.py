"""What one account should do about one signal. An entry without both protective legs cannot be written down."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.lane import Lane
from marketbot.domain.money import ZERO
from marketbot.domain.reasons import DenialReason
from marketbot.domain.side import PositionSide


class IntentState(StrEnum):
    """planned -> denied | queued -> claimed -> ordered | lapsed. ``planned`` and ``claimed`` live in memory and in the chunk."""

    PLANNED = "planned"
    DENIED = "denied"
    QUEUED = "queued"
    CLAIMED = "claimed"
    ORDERED = "ordered"
    LAPSED = "lapsed"


INTENT_TRANSITIONS: frozenset[tuple[IntentState, IntentState]] = frozenset(
    {
        (IntentState.PLANNED, IntentState.DENIED),
        (IntentState.PLANNED, IntentState.QUEUED),
        (IntentState.QUEUED, IntentState.CLAIMED),
        (IntentState.CLAIMED, IntentState.CLAIMED),  # a second attempt of a chunk
        (IntentState.CLAIMED, IntentState.ORDERED),
        (IntentState.CLAIMED, IntentState.LAPSED),
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Open ``side`` with ``qty`` base units; the prices are on the instrument's grid."""

    account_id: AccountId
    user_id: UserId
    lane: Lane
    side: PositionSide
    qty: Decimal
    leverage: Decimal
    reference_price: Decimal
    stop_price: Decimal
    target_price: Decimal
    detail: str = ""
    """What the owner should know about it, in plain English: that a limit made it smaller."""


@dataclass(frozen=True, slots=True)
class Exit:
    """Close what the account holds on ``side``; the quantity is the venue's at the time, ``known_qty`` is ours.

    ``opposite_qty`` > 0 when a hedge account holds both sides and both are to be closed; it has one exit order a side.
    """

    account_id: AccountId
    user_id: UserId
    side: PositionSide
    known_qty: Decimal
    opposite_qty: Decimal = ZERO
    lane: Lane = Lane.RISK_REDUCING


@dataclass(frozen=True, slots=True)
class Denial:
    """Why this account does nothing. ``detail`` gives the number that decided, in plain English."""

    account_id: AccountId
    user_id: UserId
    lane: Lane
    reason: DenialReason
    detail: str = ""


Decision = Entry | Exit | Denial
