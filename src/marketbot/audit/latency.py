"""Where the time between signal and protection went, in three quantiles a stage. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from marketbot.audit.records import StageTimes

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}

Latency = dict[str, dict[str, float]]


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that ``share`` of the values do not exceed; 0 of none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency_by_stage(times: Iterable[StageTimes]) -> Latency:
    """Return milliseconds by stage: each from the end of the one before, and two sums from the signal's receipt."""
    stages: dict[str, list[float]] = {
        "received_to_claimed": [],
        "claimed_to_sent": [],
        "sent_to_acked": [],
        "acked_to_protected": [],
        "received_to_acked": [],
        "received_to_protected": [],
    }
    for one in times:
        _add(stages["received_to_claimed"], 0, one.claimed_ms)
        _add(stages["claimed_to_sent"], one.claimed_ms, one.sent_ms)
        _add(stages["sent_to_acked"], one.sent_ms, one.acked_ms)
        _add(stages["acked_to_protected"], one.acked_ms, one.protected_ms)
        _add(stages["received_to_acked"], 0, one.acked_ms)
        _add(stages["received_to_protected"], 0, one.protected_ms)
    return {name: _summary(values) for name, values in stages.items()}


def _add(values: list[float], start_ms: int | None, end_ms: int | None) -> None:
    if start_ms is not None and end_ms is not None:
        values.append(float(max(0, end_ms - start_ms)))


def _summary(values: list[float]) -> dict[str, float]:
    values.sort()
    return {name: quantile(values, share) for name, share in QUANTILES.items()} | {"count": float(len(values))}
