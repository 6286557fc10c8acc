"""Where an entry stands between its stop and its target, as a picture's numbers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from marketbot.domain.money import clamp

WHOLE = Decimal(100)


class Protected(Protocol):
    """What of a position is drawn."""

    @property
    def entry_price(self) -> Decimal: ...
    @property
    def stop_price(self) -> Decimal | None: ...
    @property
    def target_price(self) -> Decimal | None: ...


@dataclass(frozen=True, slots=True)
class Span:
    """``entry_pct`` is the entry's place from the stop (0) to the target (100); the distances are per cent of the entry's price."""

    entry_pct: Decimal
    stop_distance_pct: Decimal
    target_distance_pct: Decimal


def span_of(position: Protected) -> Span | None:
    """Return where the entry lies; None while a stop or a target is missing."""
    entry, stop, target = position.entry_price, position.stop_price, position.target_price
    if stop is None or target is None or stop == target or entry <= 0:
        return None
    place = clamp((entry - stop) / (target - stop) * WHOLE, Decimal(0), WHOLE)
    return Span(
        place.quantize(Decimal("0.1")),
        (abs(entry - stop) / entry * WHOLE).quantize(Decimal("0.01")),
        (abs(target - entry) / entry * WHOLE).quantize(Decimal("0.01")),
    )
