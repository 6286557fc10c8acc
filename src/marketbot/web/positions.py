"""Where an entry and its price stand between stop and target: a picture's numbers, and what is said beside it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from marketbot.domain.money import clamp
from marketbot.domain.side import PositionSide
from marketbot.store.price_bars import PricePoint

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


class Held(Protected, Protocol):
    """What of a position is reckoned with a price."""

    @property
    def side(self) -> str: ...
    @property
    def qty(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the latest price means for a position. ``gain`` is what it would bring now, before fees, in the quote currency; the distances
    are per cent of that price, None for what is not set.
    """

    price: Decimal
    at: datetime
    low: Decimal
    high: Decimal
    gain: Decimal
    to_stop_pct: Decimal | None
    to_target_pct: Decimal | None


def outlook_of(position: Held, prices: Sequence[PricePoint]) -> Outlook | None:
    """Return where a position stands by the prices read of late; None while none was."""
    if not prices:
        return None
    last = prices[-1]
    sign = 1 if position.side == PositionSide.LONG else -1

    def distance(price: Decimal | None) -> Decimal | None:
        return None if price is None else (abs(price - last.close) / last.close * WHOLE).quantize(Decimal("0.01"))

    return Outlook(
        price=last.close,
        at=last.at,
        low=min(point.low for point in prices),
        high=max(point.high for point in prices),
        gain=(last.close - position.entry_price) * position.qty * sign,
        to_stop_pct=distance(position.stop_price),
        to_target_pct=distance(position.target_price),
    )
