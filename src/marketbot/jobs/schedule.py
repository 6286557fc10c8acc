"""When a job is tried again, and when one that recurs is due next. Pure: the chance and the clock are the caller's."""

from __future__ import annotations

from datetime import datetime, timedelta

RETRY_FIRST_S = 5.0
RETRY_MAX_S = 3_600.0
RETRY_DOUBLINGS_MAX = 20
"""Beyond this the pause has long been ``RETRY_MAX_S``; it keeps the power from growing without end."""


def retry_delay_s(attempt: int, chance: float) -> float:
    """Return the seconds to wait after the ``attempt``-th failure (from 1 on); ``chance``, 0 to 1, spreads what failed together.

    Doubles from ``RETRY_FIRST_S`` up to ``RETRY_MAX_S``; half of it is left to chance.
    """
    pause_s = min(RETRY_FIRST_S * 2.0 ** min(attempt - 1, RETRY_DOUBLINGS_MAX), RETRY_MAX_S)
    return pause_s * (0.5 + 0.5 * chance)


def next_due(due_at: datetime, every: timedelta, now: datetime) -> datetime:
    """Return the first time after ``now`` that lies whole periods after ``due_at``: runs that were missed are not made up for."""
    return due_at + every * max(1, (now - due_at) // every + 1)
