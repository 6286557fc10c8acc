"""Carry one request through the face, and describe what the face serves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simexchange.bybit.params import Params
from simexchange.engine.account import Account
from simexchange.engine.market import Market
from simexchange.faults import NO_FAULTS, FaultPlan, Write


@dataclass(slots=True)
class Call:
    """One request as the handlers see it; a handler may add to `ext_info` (batches do)."""

    market: Market
    params: Params
    holder: Account | None
    plan: FaultPlan = NO_FAULTS
    ext_info: dict[str, Any] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        """Return the account whose key signed; only for signed routes."""
        assert self.holder is not None
        return self.holder


@dataclass(frozen=True, slots=True)
class Route:
    """A path and method. A handler returns the `result` object, or it as ready bytes."""

    run: Callable[[Call], object]
    signed: bool = True
    write: Write = Write.NOTHING
