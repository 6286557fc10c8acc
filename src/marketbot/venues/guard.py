"""The breakers of one market: one an egress address, and one for each account that lately got no answer.

An open breaker gives ordinary calls of accounts (entries, settings, the sweeps' reads) back unsent. What reduces risk, looks an order up
or reads the market always goes, and tells when the venue is back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from fractions import Fraction

import structlog

from marketbot.domain.breaker import COUNTED, Asked, Breaker, BreakerPolicy, BreakerState, Event, Failed, Succeeded, apply, hold_s
from marketbot.domain.execution_report import ErrorClass
from marketbot.domain.ids import AccountId
from marketbot.ports import Clock
from marketbot.venues.answer import Refusal, unsent

EGRESS_POLICY = BreakerPolicy(
    window_s=20.0,
    slots=5,
    min_calls=10,
    failure_share=Fraction(1, 2),
    open_s=2.0,
    open_max_s=30.0,
    probes=3,
    probe_s=1.0,
    successes=3,
)
ACCOUNT_POLICY = BreakerPolicy(
    window_s=60.0,
    slots=6,
    min_calls=3,
    failure_share=Fraction(1),
    open_s=5.0,
    open_max_s=60.0,
    probes=1,
    probe_s=5.0,
    successes=1,
)
FAILURES_PER_ACCOUNT = 2
"""What one account adds to its address's failures within its own window: a few accounts that hang say nothing about the way."""
MAX_SUSPECTS = 4_096
"""Accounts with a breaker of their own; beyond it the one that failed longest ago is forgotten."""
LEASE_RETRY_S = 0.5
MAX_HOLD_S = 5.0
"""The longest wait that a call is given back with, so that a halt or the end of its window is noticed meanwhile."""
FLUSH_EVERY_S = EGRESS_POLICY.window_s / EGRESS_POLICY.slots
"""Answers are counted in a plain number for this long before the machine is told."""

log = structlog.get_logger(__name__)


class _Way:
    """One address. ``answered`` counts what the breaker has not been told yet."""

    __slots__ = ("answered", "breaker", "flush_at", "openings")

    def __init__(self) -> None:
        self.breaker = Breaker(EGRESS_POLICY)
        self.answered = 0
        self.flush_at = 0.0
        self.openings = 0


class _Suspect:
    """One account that got no answer lately."""

    __slots__ = ("breaker", "counted_since", "failures")

    def __init__(self) -> None:
        self.breaker = Breaker(ACCOUNT_POLICY)
        self.failures = 0
        self.counted_since = 0.0


class Guard:
    """Belongs to one event loop. An answer costs a comparison and an addition while all is well."""

    def __init__(self, market: str, *, egresses: int, clock: Clock, may_act: Callable[[], bool] | None = None) -> None:
        """``may_act`` tells whether no other process can be acting for the accounts; while it says no, the same calls are given back."""
        self._market = market
        self._may_act = may_act
        self._now = clock.monotonic
        self._ways = tuple(_Way() for _ in range(egresses))
        self._suspects: OrderedDict[AccountId, _Suspect] = OrderedDict()

    def may_act(self) -> bool:
        return self._may_act is None or self._may_act()

    def hold(self, egress: int, account_id: AccountId) -> Refusal | None:
        """Let an ordinary call of an account go, or say why it is given back."""
        if not self.may_act():
            return unsent(ErrorClass.NOT_SENT, "lease_lost", "another process may act for this account by now", LEASE_RETRY_S)
        way = self._ways[egress]
        if way.breaker.state is BreakerState.CLOSED and account_id not in self._suspects:
            return None
        now = self._now()
        suspect = self._suspects.get(account_id)
        if suspect is not None and (wait_s := hold_s(suspect.breaker, now)) > 0:
            return _held("account_circuit_open", "the venue does not answer for this account; tried again shortly", wait_s)
        if (wait_s := hold_s(way.breaker, now)) > 0:
            return _held("circuit_open", "the venue does not answer at the moment; tried again shortly", wait_s)
        if suspect is not None:
            suspect.breaker = apply(suspect.breaker, Asked(now))
        self._tell(egress, Asked(now))
        return None

    def answered(self, egress: int, account_id: AccountId | None) -> None:
        """Note that the venue answered a call; a refusal is an answer."""
        if self._suspects and account_id is not None:
            self._suspects.pop(account_id, None)
        way = self._ways[egress]
        if way.breaker.state is BreakerState.CLOSED:
            if (now := self._now()) >= way.flush_at:
                self._flush(egress, now)
            way.answered += 1
        elif account_id is not None:
            # The market's own reads may be answered by a part of the venue that is well, so they close nothing.
            self._tell(egress, Succeeded(self._now()))

    def failed(self, egress: int, account_id: AccountId | None, error_class: ErrorClass) -> None:
        """Note how a call failed; what is an answer all the same counts as one."""
        if error_class not in COUNTED:
            self.answered(egress, account_id)
            return
        now = self._now()
        if account_id is not None and self._failed_suspect(account_id, now) > FAILURES_PER_ACCOUNT:
            return
        self._flush(egress, now)
        self._tell(egress, Failed(now))

    def forget(self, accounts: Collection[AccountId]) -> None:
        """Drop the breakers of accounts that left."""
        for account_id in accounts:
            self._suspects.pop(account_id, None)

    def states(self) -> list[tuple[BreakerState, int]]:
        """Return, an address a row, the state and how often it has opened."""
        return [(way.breaker.state, way.openings) for way in self._ways]

    def __repr__(self) -> str:
        states = " ".join(way.breaker.state.value for way in self._ways)
        return f"<Guard {self._market} {states} suspects={len(self._suspects)}>"

    def _flush(self, egress: int, now: float) -> None:
        way = self._ways[egress]
        if way.answered:
            calls, way.answered = way.answered, 0
            # They are counted where their period began: what was answered long ago must not hide that nothing is any more.
            self._tell(egress, Succeeded(way.flush_at - FLUSH_EVERY_S, calls))
        way.flush_at = now + FLUSH_EVERY_S

    def _tell(self, egress: int, event: Event) -> None:
        way = self._ways[egress]
        before, way.breaker = way.breaker, apply(way.breaker, event)
        state = way.breaker.state
        if state is before.state:
            return
        if state is BreakerState.OPEN:
            way.openings += 1
            log.warning("breaker_opened", market=self._market, egress=egress, for_s=way.breaker.length_s, was=before.state.value)
        else:
            log.info("breaker_moved", market=self._market, egress=egress, state=state.value)

    def _failed_suspect(self, account_id: AccountId, now: float) -> int:
        """Return how many failures of this account fall into its window, this one included."""
        suspect = self._suspects.pop(account_id, None)
        if suspect is None:
            suspect = _Suspect()
            if len(self._suspects) >= MAX_SUSPECTS:
                self._suspects.popitem(last=False)
        if now - suspect.counted_since > ACCOUNT_POLICY.window_s:
            suspect.failures, suspect.counted_since = 0, now
        suspect.failures += 1
        suspect.breaker = apply(suspect.breaker, Failed(now))
        self._suspects[account_id] = suspect
        return suspect.failures


def _held(code: str, text: str, wait_s: float) -> Refusal:
    return unsent(ErrorClass.NOT_SENT, code, text, min(wait_s, MAX_HOLD_S))
