"""The kill switch as data: which part of the world may do what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TradingState(StrEnum):
    """Both let only closes and stops through, and lapse entries that are queued and not on the wire yet.

    ``halted`` says that somebody stopped trading; ``reducing`` that positions are being run down on purpose.
    """

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Scope(StrEnum):
    """What a switch covers. ``key`` of a switch names one of them; ``everything`` needs none."""

    EVERYTHING = "everything"
    ENVIRONMENT = "environment"
    VENUE = "venue"
    INSTRUMENT = "instrument"
    USER = "user"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Switches:
    """Every switch that is not ``active``, keyed by (scope, key)."""

    set: dict[tuple[Scope, str], TradingState]

    def state_for(self, *, environment: str, venue: str, symbol: str, user_id: int, account_id: int) -> TradingState:
        """Return the strictest state over the scopes that cover an order."""
        if not self.set:
            return TradingState.ACTIVE
        found = [
            self.set.get((Scope.EVERYTHING, "")),
            self.set.get((Scope.ENVIRONMENT, environment)),
            self.set.get((Scope.VENUE, venue)),
            self.set.get((Scope.INSTRUMENT, symbol)),
            self.set.get((Scope.USER, str(user_id))),
            self.set.get((Scope.ACCOUNT, str(account_id))),
        ]
        if TradingState.HALTED in found:
            return TradingState.HALTED
        return TradingState.REDUCING if TradingState.REDUCING in found else TradingState.ACTIVE
