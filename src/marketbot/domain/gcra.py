"""The generic cell rate algorithm: one number a key, the theoretical arrival time (TAT), says how much of a limit is used.

All arithmetic is in whole microseconds, so that this code and the shared store's script give the same answers to the last digit.
Within any stretch of time ``t`` at most ``burst + t / interval`` pass.
"""

from __future__ import annotations

from dataclasses import dataclass

US = 1_000_000
"""Microseconds a second."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` at once, one more every ``interval_us``."""

    interval_us: int
    burst: int

    def __post_init__(self) -> None:
        if self.interval_us < 1 or self.burst < 1:
            raise ValueError("a rate lets at least one pass, at most one a microsecond")

    @classmethod
    def per(cls, count: int, period_s: int, *, burst: int | None = None) -> Rate:
        """Return ``count`` in ``period_s``, all of them at once unless ``burst`` says otherwise. Rounded to the strict side."""
        return cls(-(-period_s * US // count), count if burst is None else burst)

    @property
    def window_us(self) -> int:
        """How long an exhausted limit takes to be whole again."""
        return self.interval_us * self.burst


@dataclass(frozen=True, slots=True)
class Decision:
    """``tat_us`` is what to remember; after a refusal it is what was remembered before."""

    allowed: bool
    tat_us: int
    remaining: int
    retry_after_us: int
    """0 when it may pass now."""


def decide(tat_us: int, now_us: int, rate: Rate) -> Decision:
    """Take one from a limit whose remembered time is ``tat_us`` (0 when nothing is remembered)."""
    start_us = max(tat_us, now_us)
    over_us = start_us + rate.interval_us - now_us - rate.window_us
    if over_us > 0:
        return Decision(False, start_us, (rate.window_us - (start_us - now_us)) // rate.interval_us, over_us)
    next_us = start_us + rate.interval_us
    return Decision(True, next_us, (rate.window_us - (next_us - now_us)) // rate.interval_us, 0)
