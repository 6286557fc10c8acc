"""The shared store, the read replica and the primary are killed with -9 under load, each in the middle of a fan-out."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from readiness.isolated.audit import audited
from readiness.isolated.books import Verdict
from readiness.isolated.errors import RunFailed
from readiness.isolated.fanout import close_body, first_entry, long_body, send, settled
from readiness.isolated.installation import REPLICA_PLACE, Installation
from readiness.isolated.population import DRILL_SOURCE, IDLE_SOURCE, drill_accounts
from readiness.isolated.traffic import asking
from readiness.load.generator import Plan
from readiness.measure import database
from readiness.measure.database import Db
from readiness.measure.front import READS, REPLICA_UP, SHARED_FALLBACKS, SHARED_UP, ask, scrape
from readiness.measurement import Measurement, measured, unmeasured

REQUESTS_PER_S = 100.0
VENUE_DELAY_MS = 500
BACK_WAIT_S = 30.0
LASTS_S = 5.0
"""Users ask at least so long after the kill."""
AWAY_WAIT_S = 3.0
"""A service that still answers so long after its database was killed has not noticed: nothing was away."""
POLL_S = 0.1
ACCEPTED, UNAVAILABLE = 202, 503
REPLICA_LABEL = "replica"


@dataclass(frozen=True, slots=True)
class Outage:
    """What a kill did: to orders, to users' requests, and after how long all was as before; ``back_s`` None: it was not."""

    verdict: Verdict
    requests: int
    failed: int
    answers: str
    back_s: float | None
    was_used: bool = True
    """Whether what was killed was in use before; otherwise its end tells nothing."""
    was_seen: bool = True
    """Whether metrics showed the outage."""


async def shared_store(made: Installation, db: Db, plan: Plan, symbol: str) -> list[Measurement]:
    """Kill Valkey."""
    before = await _total(made, SHARED_FALLBACKS)
    seen = False

    async def is_back() -> bool:
        nonlocal seen
        scrapes = [await scrape(api, made.operator_token) for api in made.apis]
        up = [each is not None and each.most(SHARED_UP) == 1 for each in scrapes]
        seen = seen or not all(up) or await _total(made, SHARED_FALLBACKS) > before
        return seen and all(up) and bool(set(made.servers("valkey-server")) - set(killed))

    killed = made.servers("valkey-server")
    if not killed:
        return [unmeasured(name, "not_running") for name in ("valkey_harm", "valkey_back_s")]
    found = await _outage(made, db, plan, symbol, killed, is_back)
    return store_measurements(Outage(found.verdict, found.requests, found.failed, found.answers, found.back_s, was_seen=seen))


def store_measurements(found: Outage) -> list[Measurement]:
    """Pure."""
    return [_harm("valkey_harm", found), _back("valkey_back_s", found)]


async def replica(made: Installation, db: Db, plan: Plan, symbol: str) -> list[Measurement]:
    """Kill the server of the read replica; whoever keeps it brings it back."""
    killed = made.servers("postgres", made.place / REPLICA_PLACE)
    if not killed:
        return [unmeasured(name, "not_running") for name in ("replica_harm", "replica_back_s")]
    before = await _replica_reads(made)
    seen = False

    async def is_back() -> bool:
        nonlocal seen
        scrapes = [await scrape(api, made.operator_token) for api in made.apis]
        up = [each is not None and each.most(REPLICA_UP) == 1 for each in scrapes]
        seen = seen or not all(up)
        return seen and all(up)

    found = await _outage(made, db, plan, symbol, killed, is_back)
    used = await _replica_reads(made) > before
    return replica_measurements(Outage(found.verdict, found.requests, found.failed, found.answers, found.back_s, used, seen))


def replica_measurements(found: Outage) -> list[Measurement]:
    """Pure."""
    if not found.was_used:
        return [unmeasured(name, "replica_unread") for name in ("replica_harm", "replica_back_s")]
    return [_harm("replica_harm", found), _back("replica_back_s", found)]


async def primary(made: Installation, plan: Plan, symbol: str) -> list[Measurement]:
    """Kill the primary; the service brings it back, and nobody else lifts a hand. Connections of ours break with it."""
    killed = made.servers("postgres", made.place / "cluster")
    if not killed:
        return [unmeasured(name, "not_running") for name in ("primary_harm", "primary_back_s")]
    last = await made.control.last_entry()
    async with _late(made), asking(plan, REQUESTS_PER_S) as traffic:
        signal_id = await send(made, long_body(symbol), DRILL_SOURCE)
        if not await first_entry(made, last):
            raise RunFailed("no entry reached a venue before the kill")
        _kill(killed)
        back_s, statuses = await _webhook_back(made)
    answers = traffic.statuses
    db = await _connected(made)
    try:
        await settled(db, signal_id)
        verdict = await audited(made, db, signal_id, last, drill_accounts(made))
    finally:
        await db.close()
    bad = traffic.result.failed - answers.get(UNAVAILABLE, 0)
    told = f"{traffic.told()}; {', '.join(f'{status}: {count}' for status, count in sorted(statuses.items()))}"
    return primary_measurements(Outage(verdict, traffic.result.count, bad, told, back_s, was_seen=UNAVAILABLE in statuses))


def primary_measurements(found: Outage) -> list[Measurement]:
    """``failed`` are the requests that were answered neither well nor 503. Pure."""
    return [_harm("primary_harm", found), _back("primary_back_s", found)]


def _harm(name: str, found: Outage) -> Measurement:
    verdict = found.verdict
    told = {"lost": verdict.lost, "doubled": verdict.doubled, "ordered": verdict.ordered, "accounts": verdict.accounts}
    harm = verdict.harm + found.failed
    return measured(name, harm, "count", name, failed=found.failed, requests=found.requests, answers=found.answers, **told)


def _back(name: str, found: Outage) -> Measurement:
    if not found.was_seen:
        return unmeasured(name, "outage_unseen")
    if found.back_s is None:
        return unmeasured(name, "not_back", seconds=BACK_WAIT_S)
    return measured(name, found.back_s, "s", name)


async def _outage(
    made: Installation, db: Db, plan: Plan, symbol: str, killed: list[int], is_back: Callable[[], Awaitable[bool]]
) -> Outage:
    last = await made.control.last_entry()
    async with _late(made), asking(plan, REQUESTS_PER_S) as traffic:
        signal_id = await send(made, long_body(symbol), DRILL_SOURCE)
        if not await first_entry(made, last):
            raise RunFailed("no entry reached a venue before the kill")
        _kill(killed)
        killed_at = time.monotonic()
        back_s = await _until(is_back)
        await settled(db, signal_id)
        await asyncio.sleep(max(0.0, killed_at + LASTS_S - time.monotonic()))
    verdict = await audited(made, db, signal_id, last, drill_accounts(made))
    return Outage(verdict, traffic.result.count, traffic.result.failed, traffic.told(), back_s)


@asynccontextmanager
async def _late(made: Installation) -> AsyncIterator[None]:
    """Let venues answer late for a while, so that there is a middle to strike in."""
    await made.control.slow_entries(VENUE_DELAY_MS)
    try:
        yield
    finally:
        await made.control.clear_faults()


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _until(is_so: Callable[[], Awaitable[bool]]) -> float | None:
    """Return after how many seconds something was so; None when it never was."""
    started = time.monotonic()
    while (passed := time.monotonic() - started) < BACK_WAIT_S:
        if await is_so():
            return passed
        await asyncio.sleep(POLL_S)
    return None


async def _webhook_back(made: Installation) -> tuple[float | None, dict[int, int]]:
    """Deliver signals that nobody follows until they are taken again; return after how long, and how they were answered until then."""
    started = time.monotonic()
    statuses: dict[int, int] = {}
    away = False
    while (passed := time.monotonic() - started) < BACK_WAIT_S:
        body = close_body("SOLUSDT", f"away-{time.monotonic_ns()}")
        reply = await ask(made.api, "POST", made.webhook(IDLE_SOURCE), body=body)
        status = 0 if reply is None else reply.status
        statuses[status] = statuses.get(status, 0) + 1
        if status != ACCEPTED:
            away = True
        elif away or passed > AWAY_WAIT_S:
            return passed, statuses
        await asyncio.sleep(POLL_S)
    return None, statuses


async def _connected(made: Installation) -> Db:
    deadline = time.monotonic() + BACK_WAIT_S
    while True:
        try:
            return await database.connect(made.dsn)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(POLL_S)


async def _total(made: Installation, name: str, **labels: Any) -> float:
    """Return the sum of a metric over all API processes."""
    total = 0.0
    for api in made.apis:
        found = await scrape(api, made.operator_token)
        for sample in [] if found is None else found.of(name):
            if all(sample.labels.get(label) == value for label, value in labels.items()):
                total += sample.value
    return total


async def _replica_reads(made: Installation) -> float:
    return await _total(made, READS, target=REPLICA_LABEL)
