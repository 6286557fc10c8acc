"""Decimal arithmetic on a venue's grid. Floats never carry a price, a quantity or money here."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

ZERO = Decimal(0)
ONE = Decimal(1)


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Return the greatest multiple of ``step`` not above ``value`` (both >= 0, step > 0)."""
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of ``step`` not below ``value`` (both >= 0, step > 0)."""
    return (value / step).to_integral_value(rounding=ROUND_CEILING) * step


def nearest_step(value: Decimal, step: Decimal) -> Decimal:
    """Return the multiple of ``step`` nearest to ``value``, halves away from zero."""
    return (value / step).to_integral_value(rounding=ROUND_HALF_UP) * step


def plain(value: Decimal) -> str:
    """Write a decimal as a venue reads it: no exponent, no trailing zeros."""
    text = f"{value:f}"
    if text[-1] == "0" and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text


def clamp(value: Decimal, low: Decimal, high: Decimal) -> Decimal:
    """Return ``value`` moved into ``low..high``."""
    return min(max(value, low), high)
