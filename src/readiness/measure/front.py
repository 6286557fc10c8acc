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
from readiness.load.wire import Reply, WireFailed, connect, request
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
            return unmeasured(name, "no program showed its metrics")
        there = any(each.has(metric) for each in scrapes)
        return measured(
            name, there, "yes", f"{metric} is {'among' if there else 'not among'} the metrics of {len(scrapes)} programs"
        )

    return [
        find("venue_breakers", "marketbot_breaker_state"),
        find("venue_budgets_shown", "marketbot_budget_used_ratio"),
        find("memory_bounds_shown", "marketbot_cache_entries"),
    ]


async def body_limit(target: Target, path: str) -> Measurement:
    """Send a body of a megabyte where a signal belongs."""
    reply = await ask(target, "POST", path, body=b"x" * BIG_BODY_BYTES)
    if reply is None:
        return measured("limit_body", 1, "yes", "the connection was cut while a body of 1 MiB was sent")
    return measured("limit_body", reply.status == TOO_LARGE, "yes", f"a body of 1 MiB was answered {reply.status}")


async def slow_sender(target: Target, path: str) -> Measurement:
    """Promise a body, send one byte of it, and see how long the server puts up with it."""
    name = "slow_sender_cut_s"
    started = time.monotonic()
    try:
        connection = await connect(target)
    except WireFailed:
        return unmeasured(name, "the server took no connection")
    head = f"POST {path} HTTP/1.1\r\nHost: {target.authority}\r\nContent-Length: 100\r\n\r\nx".encode("latin-1")
    try:
        reply = await connection.ask(head, SLOW_WAIT_S)
        ended = f"it was answered {reply.status}"
    except WireFailed as failed:
        ended = "it was cut" if failed.kind != "timeout" else f"it was still open after {SLOW_WAIT_S:.0f} s"
    finally:
        connection.close()
    return measured(name, time.monotonic() - started, "s", f"one byte of a body of a hundred, then silence: {ended}")


async def source_limit(target: Target, path: str, bodies: list[bytes]) -> list[Measurement]:
    """Send more signals than a source may."""
    replies = [await ask(target, "POST", path, body=body) for body in bodies]
    refused = [reply for reply in replies if reply is not None and reply.status == TOO_MANY]
    statuses = ", ".join(str(reply.status if reply is not None else "none") for reply in replies)
    says_when = [reply for reply in refused if reply.headers.get("retry-after", "").isdigit()]
    return [
        measured("limit_per_source", bool(refused), "yes", f"{len(bodies)} signals to a source of few an hour: {statuses}"),
        measured(
            "limit_retry_after", bool(refused) and len(says_when) == len(refused), "yes", f"{len(says_when)} of {len(refused)}"
        )
        if refused
        else unmeasured("limit_retry_after", "nothing was answered 429"),
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
    told = f"{flooded.count} requests with a wrong secret in {FLOOD_S:.0f} s from one address, {others.count} of others meanwhile"
    if not latency.count:
        return [unmeasured(name, "nobody asked anything meanwhile") for name in ("flood_others_p95_ms", "flood_refused_share")]
    statuses = flooded.kinds["flood"].statuses if "flood" in flooded.kinds else {}
    return [
        measured("flood_others_p95_ms", latency.quantile_s(0.95) * 1_000, "ms", told),
        measured(
            "flood_refused_share",
            statuses.get(TOO_MANY, 0) / max(1, flooded.count),
            "share",
            f"{told}; answered {dict(statuses)}",
        ),
    ]
