"""Which plots a report has, and what they draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from readiness.findings import Findings
from readiness.language import Texts
from readiness.load.histogram import Histogram
from readiness.render.svg import Axis, Series, legend, lines

TARGET_MS = 200.0
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999)
KINDS_MAX = 6


@dataclass(frozen=True, slots=True)
class Plot:
    """``drawing`` is empty when there was nothing to draw."""

    title: str
    drawing: str


def plots(findings: Findings, say: Texts) -> list[Plot]:
    """Return the plots of a run."""
    return [
        Plot(say("plot.latency"), _latency(findings, say)),
        Plot(say("plot.distribution"), _distribution(findings, say)),
        Plot(say("plot.fan_out"), _fan_out(findings, say)),
        Plot(say("plot.memory"), _memory(findings, say)),
    ]


def _latency(findings: Findings, say: Texts) -> str:
    load = findings.load
    if load is None or not load.count:
        return ""
    width_s = load.duration_s / len(load.points)
    series = [
        Series(
            name,
            [
                ((number + 0.5) * width_s, max(0.1, point.latency.quantile_s(share) * 1_000))
                for number, point in enumerate(load.points)
                if point.latency.count
            ],
        )
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    ]
    highest = max([TARGET_MS * 2, *(value for each in series for _, value in each.points)])
    x = Axis(say("plot.seconds"), 0, load.duration_s, lambda value: say.number(value))
    return _with_legend(series, x, _ms_axis(highest, say), say("plot.latency"), say)


def _distribution(findings: Findings, say: Texts) -> str:
    load = findings.load
    if load is None or not load.count:
        return ""
    kinds = sorted(load.kinds.items(), key=lambda each: -each[1].count)[:KINDS_MAX]
    series = [Series(name, _tail(kind.latency)) for name, kind in kinds if kind.count > 1]
    highest = max([TARGET_MS * 2, *(value for each in series for _, value in each.points)])
    ticks = tuple(1 / (1 - share) for share in (0.5, 0.9, 0.99, 0.999, 0.9999))
    x = Axis(say("plot.share_of"), 2, ticks[-1], lambda value: f"{say.number(100 - 100 / value, 2)} %", log=True, ticks=ticks)
    return _with_legend(series, x, _ms_axis(highest, say), say("plot.distribution"), say)


def _tail(latency: Histogram) -> list[tuple[float, float]]:
    """Quantiles, as far out as so many requests can tell."""
    return [
        (1 / (1 - share), max(0.1, latency.quantile_s(share) * 1_000)) for share in SHARES if latency.count * (1 - share) >= 1
    ]


def _fan_out(findings: Findings, say: Texts) -> str:
    curve = findings.curve
    if curve is None or not (curve.mainnet_ms or curve.testnet_ms):
        return ""
    last = max([*curve.mainnet_ms, *curve.testnet_ms])
    series = [
        Series(
            say(f"plot.{name}"),
            [(0.0, 0.0), *_steps(times), (float(last), float(len(times)))],
        )
        for name, times in (("mainnet", curve.mainnet_ms), ("testnet", curve.testnet_ms))
    ]
    x = Axis(say("plot.milliseconds"), 0, max(1, last), lambda value: say.number(value, 0))
    y = Axis(say("plot.accounts"), 0, max(1, len(curve.mainnet_ms), len(curve.testnet_ms)), lambda value: say.number(value, 0))
    return lines(series, x, y, title=say("plot.fan_out")) + legend(series)


def _steps(times: Sequence[int]) -> Iterator[tuple[float, float]]:
    """Climb one step at each moment."""
    for at, ms in enumerate(times):
        yield float(ms), float(at)
        yield float(ms), at + 1.0


def _memory(findings: Findings, say: Texts) -> str:
    samples = [sample for sample in findings.course.memory if sample.by_role]
    if len(samples) < 2:
        return ""
    roles = sorted({role for sample in samples for role in sample.by_role} - {"simulator"})
    series = [Series(role, [(sample.at_s, sample.by_role.get(role, 0.0)) for sample in samples]) for role in roles]
    x = Axis(say("plot.seconds"), 0, samples[-1].at_s, lambda value: say.number(value, 0))
    highest = max(value for each in series for _, value in each.points)
    y = Axis("MB", 0, highest * 1.1 or 1.0, lambda value: say.number(value, 0))
    return lines(series, x, y, title=say("plot.memory")) + legend(series)


def _ms_axis(highest: float, say: Texts) -> Axis:
    return Axis("ms", 0.1, highest * 1.2, lambda value: say.number(value, 1), log=True)


def _with_legend(series: list[Series], x: Axis, y: Axis, title: str, say: Texts) -> str:
    mark = (TARGET_MS, f"{say('plot.target')} {say.number(TARGET_MS)} ms")
    return lines(series, x, y, title=title, marks=[mark]) + legend(series)
