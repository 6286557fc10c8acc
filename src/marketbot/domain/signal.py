"""What a strategy says about one instrument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from marketbot.domain.ids import Symbol
from marketbot.domain.side import PositionSide


class Action(StrEnum):
    """What a signal asks for. A close is never an order the other way round."""

    OPEN_LONG = "open_long"
    OPEN_SHORT = "open_short"
    CLOSE_LONG = "close_long"
    CLOSE_SHORT = "close_short"
    CLOSE_ALL = "close_all"

    @property
    def is_entry(self) -> bool:
        return self is Action.OPEN_LONG or self is Action.OPEN_SHORT

    @property
    def position_sides(self) -> frozenset[PositionSide]:
        """The sides this action opens (one) or closes (one or both)."""
        return _SIDES[self]


_SIDES = {
    Action.OPEN_LONG: frozenset({PositionSide.LONG}),
    Action.OPEN_SHORT: frozenset({PositionSide.SHORT}),
    Action.CLOSE_LONG: frozenset({PositionSide.LONG}),
    Action.CLOSE_SHORT: frozenset({PositionSide.SHORT}),
    Action.CLOSE_ALL: frozenset(PositionSide),
}


@dataclass(frozen=True, slots=True)
class Signal:
    """A decoded alert. ``price`` is the sender's, in quote per base; ``sent_at`` the sender's clock, if it told one.

    ``leverage`` is what the sender wishes; accounts trade with their own (ADR 0005), so it is kept to be shown.
    """

    action: Action
    symbol: Symbol
    strong: bool = False
    price: Decimal | None = None
    leverage: Decimal | None = None
    sent_at: datetime | None = None
    max_lag_s: int | None = None
    dedup_key: str | None = None


class SignalState(StrEnum):
    """received -> refused | accepted -> planned -> settled; refused bodies are kept apart, in the refusals log."""

    ACCEPTED = "accepted"
    PLANNED = "planned"
    SETTLED = "settled"


SIGNAL_TRANSITIONS: frozenset[tuple[SignalState, SignalState]] = frozenset(
    {
        (SignalState.ACCEPTED, SignalState.PLANNED),
        (SignalState.PLANNED, SignalState.SETTLED),
    }
)
