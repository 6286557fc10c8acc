"""Carry one request through the face, and describe what the face serves."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from simexchange.binance.params import Params
from simexchange.engine.account import Account
from simexchange.engine.market import Market
from simexchange.faults import FaultPlan, Write


class Security(StrEnum):
    """What a path demands: nothing, the key header, or the key header and a signature."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


@dataclass(slots=True)
class Call:
    """One request as the handlers see it."""

    market: Market
    params: Params
    plan: FaultPlan
    holder: Account | None

    @property
    def account(self) -> Account:
        """Return the account whose key signed; only for signed routes."""
        assert self.holder is not None
        return self.holder


@dataclass(frozen=True, slots=True)
class Route:
    """A path and method. A handler returns what goes out as JSON, or ready bytes."""

    run: Callable[[Call], object]
    security: Security = Security.NONE
    weight: int = 1
    weight_without_symbol: int | None = None
    write: Write = Write.NOTHING
    orders: int = 0
    """How much it counts on the account's order limits."""
    orders_1m: int = 0
    """How much it counts on the one-minute limit, where that differs."""
