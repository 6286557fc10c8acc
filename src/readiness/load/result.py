"""What a load found: latencies from the intended start by kind of request, errors by kind, and whether the generator kept up. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from readiness.load.histogram import Histogram
from readiness.load.wire import Failure

MAX_OWN_LAG_S = 0.05
"""Requests that leave later than this after they were due, at the 99th percentile, say more about the generator than about the server."""
MAX_POINTS = 120
"""Points of a course over time."""
SIGNAL = "signal"
MAX_STATUSES = 64


@dataclass(slots=True)
class Kind:
    """One kind of request. ``latency`` counts every request that was due, the failed ones until they had failed."""

    latency: Histogram = field(default_factory=Histogram)
    errors: Counter[Failure] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.latency.count

    @property
    def failed(self) -> int:
        return sum(self.errors.values())


@dataclass(slots=True)
class Point:
    """A stretch of time: what was due in it."""

    latency: Histogram = field(default_factory=Histogram)
    failed: int = 0


@dataclass(slots=True)
class Streams:
    """Live event streams. ``held`` were open when the load ended."""

    wanted: int = 0
    held: int = 0
    refused: int = 0
    cut: int = 0
    events: int = 0


@dataclass(slots=True)
class LoadResult:
    """``own_lag`` is how late the generator itself was in starting a request."""

    users: int
    rate_per_s: float
    duration_s: float
    connections: int
    kinds: dict[str, Kind] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    own_lag: Histogram = field(default_factory=Histogram)
    streams: Streams = field(default_factory=Streams)
    aborted: bool = False

    def __post_init__(self) -> None:
        self.points = [Point() for _ in range(max(1, min(MAX_POINTS, int(self.duration_s))))]

    def note(self, kind: str, due_s: float, took_s: float, failure: Failure | None, status: int | None = None) -> None:
        """Count one request that was due at ``due_s`` and over ``took_s`` later."""
        row = self.kinds.setdefault(kind, Kind())
        row.latency.record(took_s)
        point = self.points[min(len(self.points) - 1, int(due_s / self.duration_s * len(self.points)))]
        point.latency.record(took_s)
        if status is not None and (status in row.statuses or len(row.statuses) < MAX_STATUSES):
            row.statuses[status] += 1
        if failure is not None:
            row.errors[failure] += 1
            point.failed += 1

    def latency(self, *, signals: bool | None = None) -> Histogram:
        """Return the latencies of all, of the signals alone, or of all but the signals."""
        total = Histogram()
        for name, kind in self.kinds.items():
            if signals is None or signals == (name == SIGNAL):
                total.add(kind.latency)
        return total

    @property
    def count(self) -> int:
        return sum(kind.count for kind in self.kinds.values())

    @property
    def failed(self) -> int:
        return sum(kind.failed for kind in self.kinds.values())

    @property
    def error_share(self) -> float:
        return self.failed / self.count if self.count else 0.0

    @property
    def late(self) -> bool:
        """Tell whether the generator could not keep up: then the latencies are its own as much as the server's."""
        overflowed = any(kind.errors[Failure.OVERFLOW] for kind in self.kinds.values())
        return overflowed or self.own_lag.quantile_s(0.99) > MAX_OWN_LAG_S

    def document(self) -> dict[str, Any]:
        return {
            "users": self.users,
            "rate_per_s": round(self.rate_per_s, 3),
            "duration_s": self.duration_s,
            "connections": self.connections,
            "requests": self.count,
            "failed": self.failed,
            "error_share": round(self.error_share, 6),
            "latency_ms": _latency(self.latency()),
            "kinds": {
                name: {
                    "requests": kind.count,
                    "latency_ms": _latency(kind.latency),
                    "errors": {failure.value: count for failure, count in sorted(kind.errors.items())},
                    "statuses": {str(status): count for status, count in sorted(kind.statuses.items())},
                }
                for name, kind in sorted(self.kinds.items())
            },
            "generator": {"late": self.late, "own_lag_ms_p99": _ms(self.own_lag.quantile_s(0.99))},
            "streams": {
                "wanted": self.streams.wanted,
                "held": self.streams.held,
                "refused": self.streams.refused,
                "cut": self.streams.cut,
                "events": self.streams.events,
            },
            "aborted": self.aborted,
        }


def _latency(histogram: Histogram) -> dict[str, float]:
    return {
        **{
            name: _ms(histogram.quantile_s(share))
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999))
        },
        "max": _ms(histogram.max_s),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 3)
