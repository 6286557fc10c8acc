"""When "not found" becomes proof that an order never reached a venue.

A venue's read side lags behind its write side: an order was found again after 40 s in one incident, after seconds in several. So an
order counts as absent only when several look-ups found nothing over a named time, with the account's position unchanged. A
look-up that fails says nothing either way: it does not count, and those before it still stand.
"""

from __future__ import annotations

from dataclasses import dataclass

ABSENCE_TIME_S = 8.0
"""The first and the last empty look-up lie at least this far apart."""
ABSENCE_LOOKUPS = 5
LOOKUP_DELAYS_S = (0.1, 0.3, 0.6, 1.0, 2.0, 4.0)
"""The waits between look-ups; the last repeats."""


@dataclass(slots=True)
class AbsenceProof:
    """Counts empty look-ups of one order."""

    lookups: int = 0
    first_at_s: float = 0.0

    def found_nothing(self, at_s: float) -> bool:
        """Count an empty answer read at ``at_s`` (monotonic) and tell whether absence is proven."""
        if self.lookups == 0:
            self.first_at_s = at_s
        self.lookups += 1
        return self.lookups >= ABSENCE_LOOKUPS and at_s - self.first_at_s >= ABSENCE_TIME_S


def lookup_delay_s(tries: int) -> float:
    """Return how long to wait before look-up number ``tries`` (from 0)."""
    return LOOKUP_DELAYS_S[min(tries, len(LOOKUP_DELAYS_S) - 1)]
