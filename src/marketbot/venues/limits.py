"""How much a venue lets one address and one account do, and the window that counts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

USABLE_SHARE = 0.8
"""How much of an address's limit is used: other programs may share the address, and clocks disagree about a window's edge."""

RESERVED_SHARE = 0.2
"""How much of every budget only urgent (risk-reducing and protective) calls may use."""

WINDOW_SLOTS = 10
"""A window is counted in this many slots; the count covers one slot more than the window, so no window ever holds too much."""


@dataclass(frozen=True, slots=True)
class Rule:
    """At most ``limit`` units in any ``period_s``."""

    limit: int
    period_s: float


@dataclass(frozen=True, slots=True)
class Limits:
    """One venue's rules: for an egress address, and by bucket for an account."""

    egress: Rule
    account: Mapping[str, tuple[Rule, ...]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call draws: ``weight`` from its address, ``units`` from the account's ``bucket`` (none when empty)."""

    weight: int
    bucket: str = ""
    units: int = 1


class SlidingWindow:
    """Counts units in slots of a tenth of the period. Never more than ``limit`` in any window of that length."""

    __slots__ = ("_counts", "_slot", "_slot_s", "limit", "slot_ends", "unreserved", "used")

    def __init__(self, rule: Rule) -> None:
        self.set_limit(rule.limit)
        self.used = 0
        self.slot_ends = 0.0  # until then ``used`` stands, and nobody need call ``turn``
        self._slot_s = rule.period_s / WINDOW_SLOTS
        self._slot = 0
        self._counts = [0] * (WINDOW_SLOTS + 1)

    def set_limit(self, limit: int) -> None:
        self.limit = limit
        self.unreserved = unreserved(limit)

    def turn(self, now: float) -> int:
        """Forget what has left the window; return the units still in it."""
        slot = int(now / self._slot_s)
        passed = slot - self._slot
        if passed > 0:
            counts = self._counts
            if passed > WINDOW_SLOTS:
                counts[:] = [0] * (WINDOW_SLOTS + 1)
                self.used = 0
            else:
                for at in range(self._slot + 1, slot + 1):
                    index = at % (WINDOW_SLOTS + 1)
                    self.used -= counts[index]
                    counts[index] = 0
            self._slot = slot
        self.slot_ends = (slot + 1) * self._slot_s
        return self.used

    def add(self, units: int) -> None:
        """Count ``units`` now; ``turn`` was called before."""
        self._counts[self._slot % (WINDOW_SLOTS + 1)] += units
        self.used += units

    def __len__(self) -> int:
        """Return how many slots are counted."""
        return len(self._counts)

    @property
    def slot(self) -> int:
        """Return the slot that ``add`` counts in; ``turn`` was called before."""
        return self._slot

    def take_back(self, slot: int, units: int) -> None:
        """Take back what was added in ``slot``; nothing is left to take of a slot that has left the window."""
        if slot >= self._slot - WINDOW_SLOTS:
            self._counts[slot % (WINDOW_SLOTS + 1)] -= units
            self.used -= units

    def correct(self, used: int) -> None:
        """Raise the count to what the venue says; it never lowers it, for our own requests may still be on their way."""
        if used > self.used:
            self.add(used - self.used)

    def delay_s(self, now: float, units: int, limit: int) -> float:
        """Return how long until ``units`` fit under ``limit``; 0 when they do, infinity when they never will."""
        if units > limit:
            return float("inf")
        left = self.turn(now)
        for at in range(self._slot - WINDOW_SLOTS, self._slot + 1):
            if left + units <= limit:
                return 0.0 if left == self.used else max(0.0, (at + WINDOW_SLOTS) * self._slot_s - now)
            left -= self._counts[at % (WINDOW_SLOTS + 1)]
        return max(0.0, (self._slot + WINDOW_SLOTS + 1) * self._slot_s - now)


def unreserved(limit: int) -> int:
    """Return how much of ``limit`` a call that is not urgent may use; at least one, where there is one."""
    return max(min(1, limit), int(limit * (1 - RESERVED_SHARE)))
