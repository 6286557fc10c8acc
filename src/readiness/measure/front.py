"""How the front door treats who asks too much: bodies that are too large or never end, floods, sources over their limit."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from readiness.load.arrivals import Arrivals
from readiness.load.generator import Plan, run_load
from readiness.load.result import LoadResult
from readiness.load.scenario import Route, Scenario, User
from readiness.load.target import Target
from readiness.load.wire import Failure, Reply, WireFailed, connect, request
from readiness.measure.prometheus import Scrape, read_metrics
from readiness.measurement import Measurement, measured, unmeasured

ASK_TIMEOUT_S = 10.0
BIG_BODY_BYTES = 1 << 20
SLOW_WAIT_S = 60.0
FLOOD_PER_S = 400.0
FLOOD_S = 3.0
FLOOD_CONNECTIONS = 64
TOO_MANY = 429
TOO_LARGE = 413


async def ask(target: Target, method: str, path: str, *, body: bytes = b"", token: str = "") -> Reply | None:
    """Ask once, over a connection of its own; None when no whole answer came."""
    try:
        connection = await connect(target)
    except WireFailed:
        return None
    try:
        return await connection.ask(request(method, path, host=target.authority, body=body, token=token), ASK_TIMEOUT_S)
    except WireFailed:
        return None
    finally:
        connection.close()


async def scrape(target: Target, token: str) -> Scrape | None:
    """Read a program's metrics; None when it shows none."""
    reply = await ask(target, "GET", "/metrics", token=token)
    return read_metrics(reply.body.decode("utf-8", "replace")) if reply is not None and reply.status == 200 else None


def shown(scrapes: list[Scrape]) -> list[Measurement]:
    """Tell whether what an operator must see stands in the metrics."""

    def find(name: str, metric: str) -> Measurement:
        if not scrapes:
            return unmeasured(name, "no_metrics")
        there = any(each.has(metric) for each in scrapes)
        return measured(name, there, "yes", "metric_there" if there else "metric_missing", metric=metric, programs=len(scrapes))

    return [
        find("venue_breakers", "marketbot_breaker_state"),
        find("venue_budgets_shown", "marketbot_budget_used_ratio"),
        find("memory_bounds_shown", "marketbot_cache_entries"),
    ]


async def body_limit(target: Target, path: str) -> Measurement:
    """Send a body of a megabyte where a signal belongs."""
    reply = await ask(target, "POST", path, body=b"x" * BIG_BODY_BYTES)
    if reply is None:
        return measured("limit_body", 1, "yes", "body_cut")
    return measured("limit_body", reply.status == TOO_LARGE, "yes", "body_answered", status=str(reply.status))


async def slow_sender(target: Target, path: str) -> Measurement:
    """Promise a body, send one byte of it, and see how long the server puts up with it."""
    name = "slow_sender_cut_s"
    started = time.monotonic()
    try:
        connection = await connect(target)
    except WireFailed:
        return unmeasured(name, "no_connection")
    head = f"POST {path} HTTP/1.1\r\nHost: {target.authority}\r\nContent-Length: 100\r\n\r\nx".encode("latin-1")
    try:
        reply = await connection.ask(head, SLOW_WAIT_S)
        ended, status = "slow_answered", str(reply.status)
    except WireFailed as failed:
        ended, status = "slow_open" if failed.kind is Failure.TIMEOUT else "slow_cut", ""
    finally:
        connection.close()
    return measured(name, time.monotonic() - started, "s", ended, status=status)


async def source_limit(target: Target, path: str, bodies: list[bytes]) -> list[Measurement]:
    """Send more signals than a source may."""
    replies = [await ask(target, "POST", path, body=body) for body in bodies]
    refused = [reply for reply in replies if reply is not None and reply.status == TOO_MANY]
    statuses = ", ".join(str(reply.status if reply is not None else "none") for reply in replies)
    says_when = [reply for reply in refused if reply.headers.get("retry-after", "").isdigit()]
    return [
        measured("limit_per_source", bool(refused), "yes", "source_limit", signals=len(bodies), statuses=statuses),
        measured(
            "limit_retry_after",
            bool(refused) and len(says_when) == len(refused),
            "yes",
            "retry_after",
            told=len(says_when),
            refused=len(refused),
        )
        if refused
        else unmeasured("limit_retry_after", "no_429"),
    ]


async def flood(quiet: Plan, path: str, *, source: str | None) -> list[Measurement]:
    """Send what nobody may send, fast and from one address, while others ask as always."""
    route = Route("flood", "POST", path, 1.0, body="{}", expects=frozenset({401, 403, 404, TOO_MANY}))
    storm = Plan(
        quiet.target,
        Scenario("flood", (route,), 1.0),
        [User()] * FLOOD_CONNECTIONS,
        FLOOD_S,
        FLOOD_PER_S,
        Arrivals.CONSTANT,
        sources=() if source is None else (source,),
    )
    calm = replace(quiet, duration_s=FLOOD_S, scenario=replace(quiet.scenario, stream="", webhook=None, signals_per_s=0.0))
    others, flooded = await asyncio.gather(run_load(calm), run_load(storm))
    return flood_measurements(others, flooded)


def flood_measurements(others: LoadResult, flooded: LoadResult) -> list[Measurement]:
    latency = others.latency()
    if not latency.count:
        return [unmeasured(name, "flood_alone") for name in ("flood_others_p95_ms", "flood_refused_share")]
    statuses = flooded.kinds["flood"].statuses if "flood" in flooded.kinds else {}
    told = {"flooded": flooded.count, "seconds": FLOOD_S, "others": others.count}
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    return [
        measured("flood_others_p95_ms", latency.quantile_s(0.95) * 1_000, "ms", "flood", **told),
        measured(
            "flood_refused_share", statuses.get(TOO_MANY, 0) / max(1, flooded.count), "share", "flood_answers", answers=answers
        ),
    ]
