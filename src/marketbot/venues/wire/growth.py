"""When a pool should grow: a handshake costs as much CPU as fifty orders, so only if waiting would cost more. Pure."""

from __future__ import annotations

from math import ceil

TARGET_WAIT_S = 0.05
"""What a queued request may expect to wait before another connection is worth its handshake."""
UNKNOWN_SERVICE_S = 0.1
"""What one answer is reckoned to take before the first has come."""
STALLED_AFTER_S = 0.1
"""No answer for this long while requests wait: the connections hang, whatever they did before."""
DRIFT = 0.02
"""How fast the estimate follows answers that got slower; it follows faster ones at once. The lag of our own busy loop makes every
answer look slow, and more connections would not mend that, so the fast answers are the ones that tell the truth."""


class ServiceTime:
    """How long the venue takes to answer, in seconds, from the answers seen."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = UNKNOWN_SERVICE_S

    def answered(self, took_s: float) -> None:
        if took_s < self.seconds:
            self.seconds = took_s
        else:
            self.seconds += (took_s - self.seconds) * DRIFT


def connections_wanted(*, waiting: int, in_flight: int, service_s: float, stalled: bool) -> int:
    """Return how many connections there should be for the requests that wait and those in flight."""
    if stalled:
        return in_flight + waiting
    return max(1, min(in_flight + waiting, ceil(waiting * service_s / TARGET_WAIT_S)))


class HandshakeRoom:
    """Bounds the handshakes under way over all pools that share it.

    Hundreds at once would keep the CPU from the requests whose answers show that so many connections are not needed.
    """

    __slots__ = ("_bound", "_busy")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._busy = 0

    def enter(self) -> bool:
        """Take a place; False when there is none."""
        if self._busy >= self._bound:
            return False
        self._busy += 1
        return True

    def leave(self) -> None:
        self._busy -= 1
