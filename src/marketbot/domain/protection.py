"""The life of one position's protection: what stands between a position and an unbounded loss."""

from __future__ import annotations

from enum import StrEnum

from marketbot.domain.errors import IllegalTransition


class ProtectionState(StrEnum):
    """``protected`` is entered on the venue's word only: a stop of full size rests there."""

    NAKED = "naked"
    PROTECTING = "protecting"
    PROTECTED = "protected"
    CLOSING = "closing"
    CLOSED = "closed"


_P = ProtectionState

TRANSITIONS: frozenset[tuple[ProtectionState, ProtectionState]] = frozenset(
    {
        (_P.NAKED, _P.PROTECTING),
        (_P.NAKED, _P.PROTECTED),  # attached to the entry: the venue shows position and stop at once
        (_P.NAKED, _P.CLOSING),
        (_P.NAKED, _P.CLOSED),
        (_P.PROTECTING, _P.PROTECTED),
        (_P.PROTECTING, _P.CLOSING),  # the stop cannot be placed in time
        (_P.PROTECTING, _P.CLOSED),  # the position went away meanwhile
        (_P.PROTECTED, _P.NAKED),  # reconciliation finds no stop
        (_P.PROTECTED, _P.CLOSING),
        (_P.PROTECTED, _P.CLOSED),  # stop, target or a person closed it
        (_P.CLOSING, _P.CLOSED),
        (_P.CLOSING, _P.PROTECTED),  # the exit was refused and the stop still rests
        (_P.CLOSED, _P.NAKED),  # the next position of the same account and instrument
        (_P.CLOSED, _P.PROTECTED),
        (_P.CLOSED, _P.PROTECTING),
    }
)


def apply(state: ProtectionState, to: ProtectionState) -> ProtectionState:
    """Return ``to`` if the edge exists.

    Raises:
        IllegalTransition: the machine has no such edge.
    """
    if (state, to) not in TRANSITIONS:
        raise IllegalTransition(f"a position's protection cannot go from {state} to {to}")
    return to
