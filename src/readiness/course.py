"""The course of a run as numbers: what an installation that keeps its reports draws of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from readiness.findings import Findings

POINTS_MAX = 300
"""Of a line; longer ones are thinned evenly."""
SHARES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}

Each = TypeVar("Each")


def course(findings: Findings) -> dict[str, Any]:
    """Return latency of the load and memory by process over the seconds of the run; None where a run had none."""
    return {"latency": _latency(findings), "memory": _memory(findings)}


def _latency(findings: Findings) -> dict[str, Any] | None:
    load = findings.load
    if load is None or not load.count:
        return None
    width_s = load.duration_s / len(load.points)
    points = _thinned([(number, point.latency) for number, point in enumerate(load.points) if point.latency.count])
    return {
        "at_s": [round((number + 0.5) * width_s, 1) for number, _ in points],
        **{name: [round(latency.quantile_s(share) * 1_000, 1) for _, latency in points] for name, share in SHARES.items()},
    }


def _memory(findings: Findings) -> dict[str, Any] | None:
    samples = _thinned([sample for sample in findings.course.memory if sample.by_role])
    if len(samples) < 2:
        return None
    roles = sorted({role for sample in samples for role in sample.by_role} - {"simulator"})
    return {
        "at_s": [round(sample.at_s, 1) for sample in samples],
        "mb": {role: [round(sample.by_role.get(role, 0.0), 1) for sample in samples] for role in roles},
    }


def _thinned(points: Sequence[Each]) -> list[Each]:
    step = -(-len(points) // POINTS_MAX) or 1
    return list(points[::step])
