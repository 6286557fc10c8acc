"""GET /v1/operator/series and /v1/operator/markets: what all processes counted over the last hour or day, beside the review's thresholds;
and how our addresses stand at the venues now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, Router, get

from marketbot.api.admission import ApiRequest, admit, demands
from marketbot.api.answers import json_answer
from marketbot.api.database import Database
from marketbot.api.paging import ParameterInvalid
from marketbot.api.user_door import UserDoor
from marketbot.domain.quantiles import quantile_of
from marketbot.domain.scope import Scope
from marketbot.observability.metrics import BUCKETS_S
from marketbot.ports import Clock
from marketbot.store.market_standings import MarketStanding, read_standings
from marketbot.store.pool import Connection
from marketbot.store.samples import Span, Step, read_steps

STAGES = ("claim_wait", "queue_wait", "signal_to_ack", "unprotected")
"""The way of an entry: received to claimed, to sent, to acknowledged; and from a fill to its stop."""
REASONS_MAX = 6
"""Outcomes that have a line of their own, those with the most accounts."""
OUTCOMES = ("denied", "lapsed", "rejected", "refused")


@dataclass(frozen=True, slots=True)
class Threshold:
    """What the review calls the target, and from where on it is an alarm."""

    target: float
    alarm: float


THRESHOLDS = {
    "response_ms": Threshold(200, 500),
    "errors_pct": Threshold(0.1, 1),
    "connections_pct": Threshold(80, 90),
    "memory_pct": Threshold(80, 90),
}


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds; None where nothing was measured."""

    p50: list[float | None]
    p95: list[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """Values by step, all of the same length as ``at``."""

    signals: list[int]
    accounts: list[int]
    stages: dict[str, Latency]
    response: Latency
    requests: list[int]
    errors_pct: list[float | None]
    outcomes: dict[str, list[int]]
    connections_pct: list[float | None]
    memory_pct: list[float | None]
    memory_mb: list[float | None]


def series_of(steps: Sequence[Step]) -> Series:
    """Return what is drawn of these steps. ``accounts`` are entries that were sent."""
    totals = summed(steps)
    reasons = sorted((name for name in totals if name.partition(".")[0] in OUTCOMES), key=lambda name: (-totals[name], name))
    return Series(
        signals=[step.counts.get("signals", 0) for step in steps],
        accounts=[sum(_buckets(step.counts, "stage.queue_wait").values()) for step in steps],
        stages={name: _latency(steps, f"stage.{name}") for name in STAGES},
        response=_latency(steps, "request"),
        requests=[_requests(step.counts) for step in steps],
        errors_pct=[errors_pct(step.counts) for step in steps],
        outcomes={name: [step.counts.get(name, 0) for step in steps] for name in reasons[:REASONS_MAX]},
        connections_pct=[_rounded(step.connections_pct) for step in steps],
        memory_pct=[_rounded(step.memory_pct) for step in steps],
        memory_mb=[None if step.memory_bytes is None else _rounded(step.memory_bytes / 2**20) for step in steps],
    )


def summed(steps: Iterable[Step]) -> Counter[str]:
    """Return what was counted over all of the steps."""
    found: Counter[str] = Counter()
    for step in steps:
        found.update(step.counts)
    return found


def quantile_ms(counts: Mapping[str, int], name: str, share: float) -> float | None:
    """Return a quantile of a histogram, in milliseconds."""
    found = quantile_of(_buckets(counts, name), BUCKETS_S, share)
    return None if found is None else _rounded(found * 1000)


def errors_pct(counts: Mapping[str, int]) -> float | None:
    """Return how many of a hundred requests failed by our fault."""
    asked = _requests(counts)
    return round(100 * counts.get("requests.error", 0) / asked, 3) if asked else None


def _requests(counts: Mapping[str, int]) -> int:
    return sum(counts.get(f"requests.{end}", 0) for end in ("ok", "refused", "error"))


def _buckets(counts: Mapping[str, int], name: str) -> dict[int, int]:
    found = ((number, counts.get(f"{name}.{number}", 0)) for number in range(len(BUCKETS_S) + 1))
    return {number: count for number, count in found if count}


def _latency(steps: Sequence[Step], name: str) -> Latency:
    return Latency(*([quantile_ms(step.counts, name, share) for step in steps] for share in (0.5, 0.95)))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def read_series_span(request: ApiRequest) -> Span:
    text = request.query_params.get("span", Span.HOUR.value)
    if text not in tuple(Span):
        raise ParameterInvalid(f"span is one of {', '.join(Span)}")
    return Span(text)


@get("/v1/operator/series", opt=demands(Scope.OPERATOR_READ))
async def show_series(request: ApiRequest) -> Response[bytes]:
    """Over all processes; oldest step first, and only steps that are over."""
    database: Database = request.app.state.database
    door: UserDoor = request.app.state.door
    clock: Clock = request.app.state.clock
    span = read_series_span(request)

    async def read(connection: Connection) -> tuple[list[Step], bool]:
        return await read_steps(connection, span, clock.now()), await door.simulated(connection)

    steps, simulated = await database.reads.read(read)
    told: dict[str, Any] = {
        "simulated": simulated,
        "span": span,
        "step_s": int(span.step.total_seconds()),
        "at": [step.at for step in steps],
        "series": series_of(steps),
        "thresholds": THRESHOLDS,
    }
    return json_answer(told)


@get("/v1/operator/markets", opt=demands(Scope.OPERATOR_READ))
async def show_markets(request: ApiRequest) -> Response[bytes]:
    """Each address at each market, by what its engines told a few seconds ago."""
    database: Database = request.app.state.database
    door: UserDoor = request.app.state.door

    async def read(connection: Connection) -> tuple[list[MarketStanding], bool]:
        return await read_standings(connection), await door.simulated(connection)

    standings, simulated = await database.reads.read(read)
    return json_answer({"simulated": simulated, "markets": standings})


def operator_series_router() -> Router:
    return Router(path="/", route_handlers=[show_series, show_markets], before_request=admit)
