"""Directions, and the legs an intent has."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """The direction of an order."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class PositionSide(StrEnum):
    """The direction of a position."""

    LONG = "long"
    SHORT = "short"

    @property
    def entry(self) -> Side:
        return _ENTRY[self]

    @property
    def exit(self) -> Side:
        return _EXIT[self]

    @property
    def opposite(self) -> PositionSide:
        return PositionSide.SHORT if self is PositionSide.LONG else PositionSide.LONG


_ENTRY = {PositionSide.LONG: Side.BUY, PositionSide.SHORT: Side.SELL}
_EXIT = {PositionSide.LONG: Side.SELL, PositionSide.SHORT: Side.BUY}


class Leg(StrEnum):
    """The part an order plays in an intent."""

    ENTRY = "entry"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    EXIT = "exit"
    EMERGENCY_EXIT = "emergency_exit"

    @property
    def is_protective(self) -> bool:
        """True for the legs that rest at the venue until a price is reached."""
        return self is Leg.STOP_LOSS or self is Leg.TAKE_PROFIT
