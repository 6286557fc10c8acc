"""A signal's accounts as one bar, by what became of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

OUTCOMES = ("ordered", "rejected", "lapsed", "denied", "pending")
"""In the order that they stand in a bar."""
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a bar, in per cent of its width."""

    name: str
    left: Decimal
    width: Decimal
    accounts: int


def bars_of(pieces: Iterable[tuple[str, int]]) -> list[Bar]:
    """Return the pieces of a bar from the left, those without accounts left out."""
    counted = [(name, accounts) for name, accounts in pieces if accounts]
    whole = sum(accounts for _, accounts in counted)
    bars: list[Bar] = []
    left = Decimal(0)
    for name, accounts in counted:
        width = (HUNDRED * accounts / whole).quantize(Decimal("0.01"))
        bars.append(Bar(name, left, width, accounts))
        left += width
    return bars
