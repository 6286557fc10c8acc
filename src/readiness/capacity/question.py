"""A question about capacity, and its answer: how long, how many addresses, what binds. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from readiness.capacity.turnover import NeverServed, account_s, serve
from readiness.capacity.venues import VENUES, Call, VenueLimits, Work

EXECUTION_WINDOW_S = 120.0
"""An entry that is older when its turn comes is not sent any more."""
MAX_ACCOUNTS = 10_000_000
MAX_ADDRESSES = 65_536
CONFIGURABLE_ADDRESSES = 256
"""Source addresses that one installation can be given."""


class Bound(StrEnum):
    """What the time of a fan-out is made of."""

    ADDRESS = "address"
    ACCOUNT = "account"
    MACHINE = "machine"
    """The venue's limits would let it go at once: the machine, the network and the venue's own speed decide."""


@dataclass(frozen=True, slots=True)
class Question:
    """``target_s`` is how long the last account may take to be protected (or, of an exit, to be known flat)."""

    accounts: int
    venue: str
    addresses: int
    target_s: float = 10.0

    def __post_init__(self) -> None:
        if self.venue not in VENUES:
            raise ValueError(f"the venue is one of {', '.join(sorted(VENUES))}")
        if not 1 <= self.accounts <= MAX_ACCOUNTS:
            raise ValueError(f"accounts lie between 1 and {MAX_ACCOUNTS}")
        if not 1 <= self.addresses <= MAX_ADDRESSES:
            raise ValueError(f"addresses lie between 1 and {MAX_ADDRESSES}")
        if not 0 <= self.target_s <= 86_400:
            raise ValueError("the target lies between 0 and 86,400 seconds")


@dataclass(frozen=True, slots=True)
class Forecast:
    """One kind of work. ``weight`` and ``calls`` are an account's; ``ordered_s`` is when the last order was let go.

    ``in_time`` counts the accounts whose entry is sent inside the execution window; for exits, which never lapse, it is all.
    ``addresses_needed`` is None when no number of addresses reaches the target.
    """

    work: Work
    calls: int
    weight: int
    ordered_s: float
    done_s: float
    bound: Bound
    in_time: int
    addresses_needed: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question
    usable: int
    unreserved: int
    turnover_s: float
    forecasts: tuple[Forecast, ...]

    def document(self) -> dict[str, Any]:
        limits = VENUES[self.question.venue]
        return {
            **asdict(self.question),
            "address_limit": asdict(limits.address),
            "usable_units": self.usable,
            "units_for_entries": self.unreserved,
            "turnover_s": self.turnover_s,
            "work": {
                forecast.work.value: {**asdict(forecast), "calls_of_an_account": [asdict(c) for c in limits.calls[forecast.work]]}
                for forecast in self.forecasts
            },
        }


def answer(question: Question) -> Answer:
    """Compute the forecast of every kind of work.

    Raises:
        NeverServed: the fan-out would take days.
    """
    limits = VENUES[question.venue]
    return Answer(
        question,
        limits.usable,
        limits.unreserved,
        limits.turnover_s,
        tuple(_forecast(question, limits, work) for work in Work),
    )


def _forecast(question: Question, limits: VenueLimits, work: Work) -> Forecast:
    calls = limits.calls[work]
    service = serve(calls, _share(question.accounts, question.addresses), limits)
    own_s = account_s(calls, limits.account)
    done_s = max(service.done_s, own_s)
    bound = Bound.MACHINE if done_s <= 0 else Bound.ACCOUNT if own_s >= service.done_s else Bound.ADDRESS
    return Forecast(
        work,
        len(calls),
        sum(call.weight for call in calls),
        service.ordered_s,
        done_s,
        bound,
        question.accounts if work is Work.EXIT else _in_time(calls, question, limits),
        _addresses_needed(calls, question, limits) if own_s <= question.target_s else None,
    )


def _share(accounts: int, addresses: int) -> int:
    """The accounts of the fullest address: they are spread evenly, and each sticks to one."""
    return -(-accounts // addresses)


def _in_time(calls: tuple[Call, ...], question: Question, limits: VenueLimits) -> int:
    """Return how many accounts' entries go out inside the execution window, over all addresses."""
    most = _share(question.accounts, question.addresses)
    served = _largest(most, lambda accounts: serve(calls, accounts, limits).ordered_s <= EXECUTION_WINDOW_S)
    return min(question.accounts, served * question.addresses)


def _addresses_needed(calls: tuple[Call, ...], question: Question, limits: VenueLimits) -> int | None:
    most = _largest(question.accounts, lambda accounts: serve(calls, accounts, limits).done_s <= question.target_s)
    if not most:
        return None
    needed = -(-question.accounts // most)
    return needed if needed <= MAX_ADDRESSES else None


def _largest(most: int, fits: Any) -> int:
    """Return the largest number up to ``most`` that fits; 0 when none does. What fits, fits with fewer too."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        try:
            good = fits(middle)
        except NeverServed:
            good = False
        low, high = (middle, high) if good else (low, middle - 1)
    return low
