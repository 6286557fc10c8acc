"""Look at an installation that is in use: a bounded load of reads, its database, its metrics, its processes. Nothing that trades, and
nothing that hurts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from readiness.capacity.question import Question, answer
from readiness.capacity.venues import VENUES
from readiness.findings import Findings
from readiness.load.crowd import nobody
from readiness.load.generator import Plan, run_load
from readiness.load.scenario import scenario
from readiness.load.target import Target, check_amount
from readiness.load_measurements import load_measurements
from readiness.measure import database, front
from readiness.measure.alerts import alerts
from readiness.measure.processes import Process, all_processes, family
from readiness.measure.sampler import watching
from readiness.measurement import measured, unmeasured

CAPACITY_TARGET_S = 10.0
MARKETS = "SELECT venue, count(*) AS accounts FROM account WHERE venue = ANY ($1::text[]) GROUP BY venue, environment ORDER BY 1, 2 DESC"
HURTS = (
    "hung_accounts_ratio", "venue_requests_per_connection", "venue_rate_refusals", "kill_lost", "kill_doubled", "takeover_s",
    "protected_share", "environments_at_once", "rolling_failed", "rolling_harm", "valkey_harm", "valkey_back_s", "replica_harm",
    "replica_back_s", "primary_harm", "primary_back_s", "ban_requests", "ban_others_share", "ban_harm", "backup_verified",
    "limit_per_user", "limit_per_token", "limit_per_address", "limit_shared", "limit_spares_others", "lane_ratio",
    "testnet_finished_share", "close_sent_p95_ms", "fanout_accounts", "fanout_ack_p99_ms", "unprotected_p99_s",
    "flood_others_p95_ms", "flood_refused_share", "limit_per_source", "limit_retry_after",
)  # fmt: skip
"""Measurements that need a fan-out, a fault or a flood."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A running service: its front door (or an API), and every process that shows metrics. ``supervisor_pid`` 0 and ``place`` None when
    it does not run on this machine."""

    api: Target
    apis: Sequence[Target]
    engines: Sequence[Target]
    operator_token: str = field(repr=False)
    dsn: str = field(repr=False)
    supervisor_pid: int = 0
    place: Path | None = None
    egresses: int = 1
    prometheus: Target | None = None

    def processes(self) -> list[Process]:
        return family(self.supervisor_pid, self.place, all_processes()) if self.supervisor_pid else []


async def examine_live(where: Installed, *, users: int, minutes: float, say: Callable[[str], None]) -> Findings:
    """Measure what can be measured without trading.

    Raises:
        TargetRefused: the load is out of bounds.
        OSError, TimeoutError, asyncpg.PostgresError: the database cannot be reached.
    """
    started = time.monotonic()
    whole = scenario("operator")
    rate = users * whole.requests_per_user_s
    check_amount(users=users, minutes=minutes, rate_per_s=rate)
    found = Findings(datetime.now(UTC), False, users, 0, egresses=where.egresses)
    eye = await database.connect(where.dsn)
    try:
        rows = await eye.fetch(MARKETS, list(VENUES))
        found.accounts = sum(int(row["accounts"]) for row in rows)
        largest = {venue: max((int(row["accounts"]) for row in rows if row["venue"] == venue), default=0) for venue in VENUES}
        found.capacity = [
            answer(Question(count, venue, where.egresses, CAPACITY_TARGET_S)) for venue, count in largest.items() if count
        ]
        signal_id = await eye.fetchval("SELECT max(signal_id) FROM signal")
        values = {"signal_id": str(signal_id)} if signal_id else {}
        plan = Plan(
            where.api,
            whole.usable(operator=bool(where.operator_token), users=False, values=values),
            nobody(users),
            minutes * 60,
            rate,
            operator_token=where.operator_token,
            values=values,
        )
        await _look(where, plan, eye, found, started, say)
    finally:
        await eye.close()
    found.took_s = time.monotonic() - started
    return found


async def _look(
    where: Installed, plan: Plan, eye: database.Db, found: Findings, started: float, say: Callable[[str], None]
) -> None:
    add = found.measurements.add
    add(unmeasured(name, "live") for name in HURTS)
    found.course.database = database.DatabasePeaks(await database.max_connections(eye))
    other = await database.connect(where.dsn)
    try:
        deadlocks, scans = await database.deadlocks(other), await database.full_scans(other)
        async with watching(found.course, eye, where.processes, started):
            say("load_live")
            since = time.monotonic() - started
            slow = asyncio.create_task(front.slow_sender(where.api, "/v1/webhook/nobody/nothing"))
            found.load = await run_load(plan)
            add(load_measurements(found.load))
            add([found.course.slope(since, time.monotonic() - started)])
            say("front")
            add([await front.body_limit(where.api, "/v1/webhook/nobody/nothing")])
            say("slow_sender")
            add([await slow])
        say("settings")
        add([database.new_deadlocks(deadlocks, await database.deadlocks(other))])
        add([database.new_scans(scans, await database.full_scans(other))])
        add(await database.settings(other))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        found.failures.append(f"{type(error).__name__}: {error}")
    finally:
        await other.close()
    add(found.course.measurements())
    token = where.operator_token
    add(front.shown(await front.scrape_all(where.apis, token), await front.scrape_all(where.engines, token)))
    add([await alerts(where.prometheus, len(where.apis) + len(where.engines))])
    apis = [each for each in where.processes() if each.role == "api" and each.parent == where.supervisor_pid]
    add(
        [
            measured("api_instances", len(apis), "count", "programs")
            if where.supervisor_pid
            else unmeasured("api_instances", "no_proc")
        ]
    )
