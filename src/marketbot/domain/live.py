"""What live events tell: which of the things that a page shows have changed. Never the things themselves; those are read."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntFlag


class Changed(IntFlag):
    """Kinds of things that may be shown differently now; each is one or two lists of the API (docs/API.md)."""

    SIGNALS = 1
    """A signal came in, or what became of one at an account."""
    ORDERS = 2
    POSITIONS = 4
    """Also their protection, and the results of those that closed."""
    ACCOUNTS = 8
    """Settings, connection and quarantine. Not balances: those are read anew all day, and would tell everybody all the time."""
    CONTROLS = 16
    """What is halted or reducing, and the operator's policy."""


NOTHING = Changed(0)
EVERYTHING = Changed(31)
OF_ACCOUNTS = Changed.ACCOUNTS | Changed.CONTROLS
"""What a token hears of only if it may read accounts."""


def names(changed: int) -> list[str]:
    """Return the kinds as callers read them; bits that this version does not know are passed over."""
    return [str(kind.name).lower() for kind in Changed if changed & kind]


def tell_nobody(users: Iterable[int], changed: Changed, signals: Iterable[int] = ()) -> None:
    """Stand in for ``ports.Tell`` where nobody listens."""
