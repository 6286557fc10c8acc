"""What a load says about users, answers and errors. Pure."""

from __future__ import annotations

from readiness.load.result import LoadResult
from readiness.measurement import Measurement, Value, measured, unmeasured

P95_TARGET_MS = 200.0
ERROR_SHARE_TARGET = 0.001
"""The review's targets: users count as held when both are met."""
MIN_REQUESTS = 100
"""Of fewer, a 95th percentile says nothing."""


def load_measurements(result: LoadResult, *, fan_out: int = 0) -> list[Measurement]:
    """``fan_out`` is how many accounts a signal was fanned out to meanwhile."""
    names = ("users_held", "api_p95_ms", "error_share", "webhook_p95_ms")
    api, signals = result.latency(signals=False), result.latency(signals=True)
    doubt = "aborted" if result.aborted else "too_few" if result.count < MIN_REQUESTS else "late" if result.late else ""
    if doubt:
        return [unmeasured(name, f"load_{doubt}", requests=result.count) for name in names] + _streams(result)
    p95_ms = api.quantile_s(0.95) * 1_000
    held = result.users if p95_ms < P95_TARGET_MS and result.error_share < ERROR_SHARE_TARGET else 0
    told: dict[str, Value] = {
        "requests": api.count,
        "users": result.users,
        "rate": round(result.rate_per_s, 1),
        "seconds": round(result.duration_s),
        "accounts": fan_out,
    }
    found = [
        measured("users_held", held, "count", "users", p95=round(p95_ms), errors=round(result.error_share * 100, 3), **told),
        measured("api_p95_ms", p95_ms, "ms", "api", **told),
        measured("error_share", result.error_share, "share", "errors", failed=result.failed, requests=result.count),
        measured("webhook_p95_ms", signals.quantile_s(0.95) * 1_000, "ms", "webhook", signals=signals.count)
        if signals.count
        else unmeasured("webhook_p95_ms", "no_webhook"),
    ]
    return found + _streams(result)


def _streams(result: LoadResult) -> list[Measurement]:
    streams = result.streams
    if not streams.wanted:
        return [unmeasured(name, "no_streams") for name in ("streams_held", "live_events")]
    counts = {"held": streams.held, "wanted": streams.wanted, "cut": streams.cut, "refused": streams.refused}
    return [
        measured("streams_held", streams.held, "count", "streams", **counts),
        measured("live_events", streams.events > 0, "yes", "events", events=streams.events, held=streams.held),
    ]
