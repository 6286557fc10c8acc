"""A line small enough to stand in a sentence, as a picture's numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH, HEIGHT = Decimal(100), Decimal(28)
"""Of the picture's own coordinates; the page stretches it."""
MARGIN = Decimal(2)
POINTS_MAX = 60
GRAIN = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Sparkline:
    """``points`` as SVG's polyline takes them; ``base_y`` is where the base lies, None when it is out of the picture."""

    points: str
    base_y: Decimal | None


def line_of(values: Sequence[Decimal], base: Decimal | None = None) -> Sparkline | None:
    """Return the line of the latest values, evenly spread; None for fewer than two. The base, where there is one, is kept in sight."""
    shown = values[-POINTS_MAX:]
    if len(shown) < 2:
        return None
    low, high = min(shown), max(shown)
    if base is not None:
        low, high = min(low, base), max(high, base)
    reach = high - low

    def height(value: Decimal) -> Decimal:
        place = (high - value) / reach if reach else Decimal("0.5")
        return (MARGIN + place * (HEIGHT - 2 * MARGIN)).quantize(GRAIN)

    step = WIDTH / (len(shown) - 1)
    points = " ".join(f"{(step * number).quantize(GRAIN)},{height(value)}" for number, value in enumerate(shown))
    return Sparkline(points, None if base is None else height(base))
