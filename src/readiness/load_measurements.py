"""What a load says about users, answers and errors. Pure."""

from __future__ import annotations

from readiness.load.result import LoadResult
from readiness.measurement import Measurement, measured, unmeasured

P95_TARGET_S = 0.2
ERROR_SHARE_TARGET = 0.001
"""The review's targets: users count as held when both are met."""
MIN_REQUESTS = 100
"""Of fewer, a 95th percentile says nothing."""


def load_measurements(result: LoadResult, *, beside: str) -> list[Measurement]:
    """``beside`` says what else went on meanwhile."""
    names = ("users_held", "api_p95_ms", "error_share", "webhook_p95_ms")
    api, signals = result.latency(signals=False), result.latency(signals=True)
    if result.aborted or result.count < MIN_REQUESTS:
        why = "the load was ended before its time" if result.aborted else f"{result.count} requests are too few to say anything"
        return [unmeasured(name, why) for name in names] + _streams(result)
    if result.late:
        why = "the generator could not keep up, so what it measured is its own as much as the server's"
        return [unmeasured(name, why) for name in names] + _streams(result)
    p95_s = api.quantile_s(0.95)
    held = result.users if p95_s < P95_TARGET_S and result.error_share < ERROR_SHARE_TARGET else 0
    told = f"{api.count} requests of {result.users} users at {result.rate_per_s:.0f} a second for {result.duration_s:.0f} s, {beside}"
    found = [
        measured("users_held", held, "count", f"p95 {p95_s * 1_000:.0f} ms, {result.error_share:.3%} errors: {told}"),
        measured("api_p95_ms", p95_s * 1_000, "ms", f"from the intended start: {told}"),
        measured("error_share", result.error_share, "share", f"{result.failed} of {result.count} requests, signals included"),
    ]
    if signals.count:
        found.append(measured("webhook_p95_ms", signals.quantile_s(0.95) * 1_000, "ms", f"{signals.count} signals among them"))
    else:
        found.append(unmeasured("webhook_p95_ms", "no source was given to send signals to"))
    return found + _streams(result)


def _streams(result: LoadResult) -> list[Measurement]:
    streams = result.streams
    if not streams.wanted:
        return [
            unmeasured(name, "no users' tokens were given, so no stream was opened") for name in ("streams_held", "live_events")
        ]
    told = f"{streams.held} of {streams.wanted} open at the end, {streams.cut} cut, {streams.refused} refused"
    return [
        measured("streams_held", streams.held, "count", told),
        measured("live_events", streams.events > 0, "yes", f"{streams.events} events arrived at {streams.held} streams"),
    ]
