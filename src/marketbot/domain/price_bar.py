"""A minute of a price: what it began and ended with, and how far it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Bar:
    """Prices in quote per base. ``low`` is at most and ``high`` at least each of the others."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    @classmethod
    def begun(cls, price: Decimal) -> Bar:
        """Return the bar of one price."""
        return cls(price, price, price, price)

    def with_price(self, price: Decimal) -> Bar:
        """Return the bar after one more price; itself where that changes nothing."""
        if price == self.close:
            return self
        return Bar(self.open, max(self.high, price), min(self.low, price), price)


def minute_of(at: datetime) -> datetime:
    """Return when the minute began that a moment lies in."""
    return at.replace(second=0, microsecond=0)
