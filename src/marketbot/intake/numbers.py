"""Texts -> exact numbers inside bounds. Pure."""

from __future__ import annotations

import re
from decimal import Decimal

MIN_PRICE = Decimal("1e-12")
MAX_PRICE = Decimal("1e9")
"""Quote per base. No perpetual trades outside; what lies outside is a slip of the sender's."""
MAX_LEVERAGE = Decimal(1000)
MAX_LAG_S = 86_400

_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_MAX_LENGTH = 48


def read_number(text: str) -> Decimal | None:
    """Return a non-negative finite decimal, or None: signs, blanks inside, commas, NaN and infinities are not numbers here."""
    text = text.strip()
    if len(text) > _MAX_LENGTH or _NUMBER.fullmatch(text) is None:
        return None
    return Decimal(text)


def read_price(text: str) -> Decimal | None:
    price = read_number(text)
    return price if price is not None and MIN_PRICE <= price <= MAX_PRICE else None


def read_leverage(text: str) -> Decimal | None:
    leverage = read_number(text.strip().removesuffix("x").removesuffix("X"))
    return leverage if leverage is not None and 0 < leverage <= MAX_LEVERAGE else None


def read_lag(text: str) -> int | None:
    """Return whole seconds."""
    lag = read_number(text)
    return int(lag) if lag is not None and 0 < lag <= MAX_LAG_S and lag == int(lag) else None
