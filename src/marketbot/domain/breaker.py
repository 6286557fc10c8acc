"""When to stop asking a venue that does not answer, and how to find out that it does again.

Only what says "this way is broken" counts: nothing sent, nothing answered, an answer that means nothing, an overloaded venue. A refusal
is an answer, however many there are of them: a crowd without money opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import assert_never

from marketbot.domain.errors import IllegalTransition
from marketbot.domain.execution_report import ErrorClass

COUNTED = frozenset({ErrorClass.NOT_SENT, ErrorClass.AMBIGUOUS, ErrorClass.RETRYABLE})
"""The classes of transport failures, time-outs and overloaded venues. Bans and budgets have their own stop (``venues.pace``)."""

MAX_SLOTS = 12
"""The most slots a policy may count its window in."""


class BreakerState(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


_B = BreakerState

TRANSITIONS: frozenset[tuple[BreakerState, BreakerState]] = frozenset(
    {
        (_B.CLOSED, _B.OPEN),
        (_B.OPEN, _B.HALF_OPEN),  # its time is over, and somebody asks
        (_B.HALF_OPEN, _B.OPEN),  # a probe failed
        (_B.HALF_OPEN, _B.CLOSED),  # enough probes were answered
    }
)


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker moves. ``failure_share`` of at least ``min_calls`` within ``window_s`` opens it."""

    window_s: float
    slots: int
    min_calls: int
    failure_share: Fraction
    open_s: float
    """How long it stays open the first time; twice as long each time it opens again before it was calm."""
    open_max_s: float
    probes: int
    """Calls let through in each ``probe_s`` while it is half open."""
    probe_s: float
    successes: int
    """Answers that close it again."""

    def __post_init__(self) -> None:
        if not 1 <= self.slots <= MAX_SLOTS or self.min_calls < 1 or self.probes < 1 or self.successes < 1:
            raise ValueError("a breaker counts at least one call, in at least one slot")


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Calls were answered, with whatever answer."""

    at: float
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Failed:
    at: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that may be held back wants to go, and ``hold_s`` says that it may."""

    at: float


Event = Succeeded | Failed | Asked


@dataclass(frozen=True, slots=True)
class Breaker:
    """Times are seconds of one steady clock. ``counts`` are (slot, answered, failed), the newest last."""

    policy: BreakerPolicy
    state: BreakerState = BreakerState.CLOSED
    counts: tuple[tuple[int, int, int], ...] = ()
    since: float = 0.0
    """When it came into this state."""
    length_s: float = 0.0
    """How long it is open, or was the last time."""
    probes: int = 0
    probing_since: float = 0.0
    answered: int = 0
    """Answers since it is half open."""


def hold_s(breaker: Breaker, at: float) -> float:
    """Return how long a call must wait before it may ask again; 0 when it may go."""
    policy = breaker.policy
    match breaker.state:
        case BreakerState.CLOSED:
            return 0.0
        case BreakerState.OPEN:
            return max(0.0, breaker.since + breaker.length_s - at)
        case BreakerState.HALF_OPEN:
            spent = breaker.probes >= policy.probes and at < breaker.probing_since + policy.probe_s
            return breaker.probing_since + policy.probe_s - at if spent else 0.0
        case _ as never:
            assert_never(never)


def apply(breaker: Breaker, event: Event) -> Breaker:
    """Return what the breaker becomes. While it is open, answers to calls that are never held back change nothing.

    Raises:
        IllegalTransition: a call asked that ``hold_s`` holds back.
    """
    match event:
        case Asked(at):
            return _asked(breaker, at)
        case Succeeded(at, calls):
            return _succeeded(breaker, at, calls)
        case Failed(at):
            return _failed(breaker, at)
        case _ as never:
            assert_never(never)


def _asked(breaker: Breaker, at: float) -> Breaker:
    if breaker.state is BreakerState.CLOSED:
        return breaker
    if hold_s(breaker, at) > 0:
        raise IllegalTransition(f"a breaker that is {breaker.state} lets nobody through yet")
    if breaker.state is BreakerState.OPEN:
        return replace(breaker, state=BreakerState.HALF_OPEN, since=at, probes=1, probing_since=at, answered=0)
    if at >= breaker.probing_since + breaker.policy.probe_s:
        # A probe whose end nobody learns of must not keep the quota for ever, so it is renewed by time.
        return replace(breaker, probes=1, probing_since=at)
    return replace(breaker, probes=breaker.probes + 1)


def _succeeded(breaker: Breaker, at: float, calls: int) -> Breaker:
    match breaker.state:
        case BreakerState.CLOSED:
            return replace(breaker, counts=_count(breaker, at, calls, 0))
        case BreakerState.OPEN:
            return breaker
        case BreakerState.HALF_OPEN:
            answered = breaker.answered + calls
            if answered < breaker.policy.successes:
                return replace(breaker, answered=answered)
            return replace(breaker, state=BreakerState.CLOSED, since=at, counts=(), answered=0)
        case _ as never:
            assert_never(never)


def _failed(breaker: Breaker, at: float) -> Breaker:
    policy = breaker.policy
    match breaker.state:
        case BreakerState.CLOSED:
            counts = _count(breaker, at, 0, 1)
            failed = sum(row[2] for row in counts)
            calls = failed + sum(row[1] for row in counts)
            if calls < policy.min_calls or failed < policy.failure_share * calls:
                return replace(breaker, counts=counts)
            calm = at - breaker.since >= policy.open_max_s or not breaker.length_s
            return _opened(breaker, at, policy.open_s if calm else breaker.length_s * 2)
        case BreakerState.OPEN:
            return breaker
        case BreakerState.HALF_OPEN:
            return _opened(breaker, at, breaker.length_s * 2)
        case _ as never:
            assert_never(never)


def _opened(breaker: Breaker, at: float, length_s: float) -> Breaker:
    length_s = min(length_s, breaker.policy.open_max_s)
    return replace(breaker, state=BreakerState.OPEN, since=at, length_s=length_s, counts=(), answered=0)


def _count(breaker: Breaker, at: float, answered: int, failed: int) -> tuple[tuple[int, int, int], ...]:
    policy = breaker.policy
    slot = int(at / (policy.window_s / policy.slots))
    kept = tuple(row for row in breaker.counts if row[0] > slot - policy.slots)
    if kept and kept[-1][0] == slot:
        _, ok, bad = kept[-1]
        return (*kept[:-1], (slot, ok + answered, bad + failed))
    return (*kept, (slot, answered, failed))
