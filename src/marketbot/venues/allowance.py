"""How much of an address's limit this process may use now: its share of it, less what the venue has made us give up.

Additive increase, multiplicative decrease: a venue that says "too many" halves the address's limit, and each ``GROWTH_EVERY_S``
without such a word gives a twentieth back. Whole units only, so that shares that sum to one never sum to more than the limit.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf

from marketbot.venues.limits import USABLE_SHARE, unreserved

STEPS = 20
"""The limit grows back in twentieths."""
MIN_STEPS = 1
RECOVERY_SHARE = 0.5
"""What a refusal for too many requests leaves of an address's limit."""
RECOVERY_S = 60.0
"""How long the way back from one halving takes."""
GROWTH_EVERY_S = RECOVERY_S / (STEPS * (1 - RECOVERY_SHARE))

SLOW_AGAIN_S = 1.0

HOLD_BACK_S = 10.0
"""How long a count of the venue that is above the usable limit holds ordinary calls back; the next answer renews or ends it."""


class Allowance:
    """``usable`` is the address's limit less the margin that nobody uses; ``own`` is this process's part of it."""

    __slots__ = (
        "_grows_at",
        "_held_share",
        "_held_until",
        "_ordinary",
        "_slowed_until",
        "_steps",
        "_urgent",
        "changes_at",
        "own",
        "usable",
    )

    def __init__(self, usable: int) -> None:
        self.usable = usable
        self.own = usable
        self.changes_at = inf
        """Until then the two limits stand, and a call costs one comparison."""
        self._steps = STEPS
        self._grows_at = inf
        self._held_share = 1.0
        self._held_until = 0.0
        self._slowed_until = 0.0
        self._urgent = usable
        self._ordinary = unreserved(usable)

    def limit(self, now: float, urgent: bool) -> int:
        if now >= self.changes_at:
            self._settle(now)
        return self._urgent if urgent else self._ordinary

    @property
    def throttle(self) -> Fraction:
        """Return what refusals have left of the limit, as of the last look."""
        return Fraction(self._steps, STEPS)

    def set_own(self, units: int, now: float) -> None:
        """Take another part of the address's limit."""
        self.own = units
        self._settle(now)

    def slow_down(self, now: float, resumes_at: float) -> None:
        """Halve the limit; it begins to grow one step after ``resumes_at``. Answers that come together halve it once."""
        if now < self._slowed_until:
            return
        self._slowed_until = now + SLOW_AGAIN_S
        self._settle(now)
        self._steps = max(MIN_STEPS, int(self._steps * RECOVERY_SHARE))
        self._grows_at = resumes_at + GROWTH_EVERY_S
        self._settle(now)

    def hold_back(self, now: float, venue_used: int) -> None:
        """Take the venue's count of everybody on this address: above the usable limit ordinary calls give way in proportion.

        At the usable limit they have all of their limit, at the venue's own limit none. Urgent calls keep theirs: the margin
        between the two is for them.
        """
        limit = self.usable / USABLE_SHARE
        held_share = min(1.0, max(0.0, (limit - venue_used) / (limit - self.usable)))
        if held_share < 1.0 or self._held_share < 1.0:
            self._held_share, self._held_until = held_share, now + HOLD_BACK_S
            self._settle(now)

    def _settle(self, now: float) -> None:
        if now >= self._grows_at:
            passed = 1 + int((now - self._grows_at) / GROWTH_EVERY_S)
            self._steps = min(STEPS, self._steps + passed)
            self._grows_at += passed * GROWTH_EVERY_S
        if self._steps == STEPS:
            self._grows_at = inf
        if now >= self._held_until:
            self._held_share = 1.0
        self._urgent = max(min(1, self.own), self.own * self._steps // STEPS)
        self._ordinary = int(unreserved(self._urgent) * self._held_share)
        self.changes_at = min(self._grows_at, self._held_until if self._held_share < 1.0 else inf)
