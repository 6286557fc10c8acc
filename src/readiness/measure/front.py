"""How the front door treats who asks too much: bodies that are too large or never end, floods, sources over their limit."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence

from readiness.load.target import Target
from readiness.load.wire import Failure, Reply, WireFailed, connect, request
from readiness.measure.prometheus import Scrape, read_metrics
from readiness.measurement import Measurement, measured, unmeasured

ASK_TIMEOUT_S = 10.0
BIG_BODY_BYTES = 1 << 20
SLOW_WAIT_S = 60.0
TOO_MANY = 429
TOO_LARGE = 413

# What is read of the product's metrics; a test holds every name against what the product exports.
BREAKER_STATE = "marketbot_breaker_state"
BUDGET_USED = "marketbot_budget_used_ratio"
MEMORY_BOUND = "marketbot_memory_bound_bytes"
CACHE_ENTRIES = "marketbot_cache_entries"
CACHE_ENTRIES_MAX = "marketbot_cache_entries_max"
SHARED_UP = "marketbot_shared_store_up"
SHARED_FALLBACKS = "marketbot_shared_store_fallbacks_total"
REPLICA_UP = "marketbot_replica_up"
READS = "marketbot_reads_total"
BOUNDS = (MEMORY_BOUND, CACHE_ENTRIES, CACHE_ENTRIES_MAX)
METRICS_READ = frozenset({*BOUNDS, BREAKER_STATE, BUDGET_USED, SHARED_UP, SHARED_FALLBACKS, REPLICA_UP, READS})


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


async def serves_stream(target: Target, path: str, token: str) -> bool:
    """Tell whether a stream of events is opened at a path: by its head alone, for it has no end."""
    wanted = (
        f"GET {path} HTTP/1.1\r\nHost: {target.authority}\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    context = ssl.create_default_context() if target.encrypted else None
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
            try:
                writer.write(wanted.encode("latin-1"))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return False
    return head.split(b" ")[1:2] == [b"200"] and b"content-type: text/event-stream" in head


async def scrape(target: Target, token: str) -> Scrape | None:
    """Read a program's metrics; None when it shows none."""
    reply = await ask(target, "GET", "/metrics", token=token)
    return read_metrics(reply.body.decode("utf-8", "replace")) if reply is not None and reply.status == 200 else None


async def scrape_all(targets: Sequence[Target], token: str) -> list[Scrape | None]:
    """Read every program's metrics, one after the other; None for each that shows none."""
    return [await scrape(target, token) for target in targets]


def shown(apis: Sequence[Scrape | None], engines: Sequence[Scrape | None]) -> list[Measurement]:
    """Tell whether what an operator must see stands in the metrics of every process that ought to show it."""
    return [
        _there("venue_breakers", (BREAKER_STATE,), engines),
        _there("venue_budgets_shown", (BUDGET_USED,), engines),
        _there("memory_bounds_shown", BOUNDS, [*apis, *engines]),
    ]


def _there(name: str, metrics: Sequence[str], scrapes: Sequence[Scrape | None]) -> Measurement:
    read = [each for each in scrapes if each is not None]
    if not read:
        return unmeasured(name, "no_metrics")
    missing = [metric for metric in metrics if not all(each.of(metric) for each in read)]
    told = {"programs": len(scrapes), "silent": len(scrapes) - len(read)}
    if missing:
        return measured(name, 0, "yes", "metric_missing", metric=", ".join(missing), **told)
    return measured(name, len(read) == len(scrapes), "yes", "metric_there", metric=", ".join(metrics), **told)


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
