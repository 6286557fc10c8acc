"""Plots as SVG text: axes, lines, bars, a ring. No script and no font is needed; colours are the page's own variables. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 460, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 34
EDGE = 20
"""A label closer to the right edge than this would be cut, and ends there instead."""
MAX_POINTS = 400
"""Of a line; more are not seen at this size."""
COLOURS = 6
"""Series colours that the page's style defines, --s0 to --s5."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """One line. ``dashed`` for what is no measurement."""

    name: str
    points: Sequence[Point]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """``label`` writes a tick; ``log`` scales by powers of ten, from ``low`` up. Fixed ``ticks`` take the place of round ones."""

    title: str
    low: float
    high: float
    label: Callable[[float], str]
    log: bool = False
    ticks: tuple[float, ...] = field(default=())

    def place(self, value: float) -> float:
        """Return where a value lies, 0 to 1."""
        if self.log:
            value, low, high = (math.log10(max(each, 1e-9)) for each in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return min(1.0, max(0.0, (value - low) / (high - low if high > low else 1.0)))

    def marks(self) -> list[float]:
        if self.ticks:
            return [tick for tick in self.ticks if self.low <= tick <= self.high]
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1) if self.low <= 10.0**power <= self.high]
        return round_ticks(self.low, self.high)


def round_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers at even distances that cover the range from within."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / wanted
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def lines(series: Sequence[Series], x: Axis, y: Axis, *, title: str, marks: Sequence[tuple[float, str]] = ()) -> str:
    """Draw lines over two axes; ``marks`` are horizontal lines with a name."""

    def px(value: float) -> float:
        return LEFT + x.place(value) * (WIDTH - LEFT - RIGHT)

    def py(value: float) -> float:
        return HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for tick in y.marks():
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{py(tick):.1f}" y2="{py(tick):.1f}"/>')
        out.append(f'<text class="tick" x="{LEFT - 6}" y="{py(tick) + 4:.1f}" text-anchor="end">{escape(y.label(tick))}</text>')
    for tick in x.marks():
        out.append(
            f'<line class="tickmark" x1="{px(tick):.1f}" x2="{px(tick):.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 4}"/>'
        )
        at, anchor = (px(tick), "middle") if px(tick) < WIDTH - RIGHT - EDGE else (WIDTH - RIGHT, "end")
        words = escape(x.label(tick))
        out.append(f'<text class="tick" x="{at:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="{anchor}">{words}</text>')
    out.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>')
    out.append(f'<text class="label" x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{escape(x.title)}</text>')
    for value, name in marks:
        out.append(f'<line class="mark" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{py(value):.1f}" y2="{py(value):.1f}"/>')
        out.append(f'<text class="marked" x="{WIDTH - RIGHT}" y="{py(value) - 4:.1f}" text-anchor="end">{escape(name)}</text>')
    for number, each in enumerate(series):
        points = " ".join(f"{px(at):.1f},{py(value):.1f}" for at, value in thinned(each.points))
        dash = ' stroke-dasharray="4 4"' if each.dashed else ""
        out.append(f'<polyline class="line" style="stroke:var(--s{number % COLOURS})"{dash} points="{points}"/>')
    out.append("</svg>")
    return "".join(out)


def legend(series: Sequence[Series]) -> str:
    """Name the lines below their plot, in their colours."""
    items = (
        f'<span><i style="background:var(--s{number % COLOURS})"></i>{escape(each.name)}</span>'
        for number, each in enumerate(series)
    )
    return f'<p class="legend">{"".join(items)}</p>'


def ring(share: float, *, mark: float, other: float, words: str, under: str, good: bool) -> str:
    """Draw a score as a ring: filled to ``share``, with a mark where it is enough and a fainter one at what was found before."""
    radius, centre = 84.0, 110.0
    around = 2 * math.pi * radius

    def tick(at: float, kind: str) -> str:
        angle = 2 * math.pi * at - math.pi / 2
        points = [(centre + r * math.cos(angle), centre + r * math.sin(angle)) for r in (radius - 14, radius + 14)]
        (x1, y1), (x2, y2) = points
        return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'

    return (
        f'<svg class="ring" viewBox="0 0 220 220" role="img" aria-label="{escape(words)}">'
        f'<circle class="track" cx="{centre}" cy="{centre}" r="{radius}"/>'
        f'<circle class="{"good" if good else "bad"}" cx="{centre}" cy="{centre}" r="{radius}" '
        f'stroke-dasharray="{around * min(1.0, share):.1f} {around:.1f}" transform="rotate(-90 {centre} {centre})"/>'
        f"{tick(other, 'before')}{tick(mark, 'enough')}"
        f'<text class="big" x="{centre}" y="{centre + 8}" text-anchor="middle">{escape(words)}</text>'
        f'<text class="small" x="{centre}" y="{centre + 32}" text-anchor="middle">{escape(under)}</text></svg>'
    )


def thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Leave out points that would not be seen; the first and the last stay."""
    if len(points) <= MAX_POINTS:
        return points
    step = (len(points) - 1) / (MAX_POINTS - 1)
    return [points[round(number * step)] for number in range(MAX_POINTS)]
