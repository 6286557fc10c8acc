"""The root of operating failures. Expected results are values with a reason, not exceptions."""

from __future__ import annotations


class MarketBotError(Exception):
    """Something outside the program's own logic failed; the text is a plain sentence and holds no secret."""


class IllegalTransition(RuntimeError):
    """A state machine was asked for an edge it does not have: a bug, never an operating condition."""
