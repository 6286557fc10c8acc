"""Whether a call is sent again, and after how long. Pure.

A call that may have arrived is sent again only when twice is once: a read, or a command under its Idempotency-Key. What was surely
not begun (no connection, too often, too full) may be sent again whatever it is.
"""

from __future__ import annotations

from typing import Any

from marketbot_client.call import Call
from marketbot_client.problem import AnswerUnreadable, ApiProblem, MarketBotError, Unreachable

ATTEMPTS_MAX = 4
WAIT_MAX_S = 30.0
"""Who is asked to wait longer is told so instead."""
WAIT_FIRST_S = 0.25
"""Doubled each time; up to as much again is added, so that many callers do not come back together."""

_NOT_BEGUN = frozenset({"RATE_LIMIT_EXCEEDED", "OVERLOADED", "STREAM_LIMIT_REACHED"})
_WORTH_WAITING = frozenset({"STORE_UNAVAILABLE", "NOT_READY", "COMMAND_IN_PROGRESS", "INTERNAL_ERROR"})


def wait_before_retry_s(call: Call[Any], error: MarketBotError, attempts: int, chance: float) -> float | None:
    """Return how long to wait before the next attempt; None: give up. ``chance`` is drawn evenly from 0 to 1."""
    if attempts >= ATTEMPTS_MAX or not _may_repeat(call, error):
        return None
    pause_s = WAIT_FIRST_S * 2 ** (attempts - 1) * (1 + chance)
    asked_s = error.retry_after_s if isinstance(error, ApiProblem) else None
    wait_s = max(pause_s, asked_s or 0)
    return wait_s if wait_s <= WAIT_MAX_S else None


def _may_repeat(call: Call[Any], error: MarketBotError) -> bool:
    if isinstance(error, Unreachable):
        return call.repeatable or not error.sent
    if isinstance(error, ApiProblem):
        return error.reason in _NOT_BEGUN or (call.repeatable and error.reason in _WORTH_WAITING)
    return isinstance(error, AnswerUnreadable) and call.method == "GET"
