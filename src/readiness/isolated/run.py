"""The whole examination of a throw-away installation, step by step. A step that fails is reported, and the others go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from readiness.capacity.question import Question, answer
from readiness.capacity.venues import VENUES
from readiness.findings import Findings
from readiness.isolated import drills, fanout
from readiness.isolated.errors import RunFailed
from readiness.isolated.installation import IDLE_SOURCE, SMALL_SOURCE, SMALL_SOURCE_PER_HOUR, SOURCE, Installation, put_up
from readiness.load.crowd import nobody
from readiness.load.generator import Plan, run_load
from readiness.load.scenario import scenario
from readiness.load_measurements import load_measurements
from readiness.measure import database, front
from readiness.measure.database import Db
from readiness.measure.sampler import watching
from readiness.measurement import Measurement, measured

FAN_OUT_AT = 0.3
"""The loaded fan-out begins after this part of the load."""
LOAD_SOURCES = ("127.0.0.20", "127.0.0.21", "127.0.0.22", "127.0.0.23")
FLOOD_SOURCE = "127.0.0.66"
STEP_TIMEOUT_S = 300.0
CAPACITY_TARGET_S = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    users: int
    accounts: int
    minutes: float


async def examine_isolated(options: RunOptions, say: Say) -> Findings:
    """Put an installation up, measure it, and take it down.

    Raises:
        RunFailed: it could not be put up at all.
    """
    started = time.monotonic()
    found = Findings(datetime.now(UTC), True, options.users, options.accounts)
    async with put_up(options.accounts, say=say) as made:
        db = await database.connect(made.dsn)
        eye = await database.connect(made.dsn)
        try:
            await _examine(options, made, db, eye, found, say)
        finally:
            await db.close()
            await eye.close()
    found.took_s = time.monotonic() - started
    return found


async def _examine(
    options: RunOptions,
    made: Installation,
    db: Db,
    eye: Db,
    found: Findings,
    say: Say,
) -> None:
    add = found.measurements.add

    async def step(name: str, work: Callable[[], Awaitable[list[Measurement]]]) -> None:
        say(name)
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                add(await work())
        except (RunFailed, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            found.failures.append(f"{name}: {error or type(error).__name__}")

    say("connect")
    await fanout.until_connected(db, options.accounts)
    found.egresses = made.egresses
    found.capacity = [
        answer(Question(max(1, options.accounts // 4), venue, made.egresses, CAPACITY_TARGET_S)) for venue in VENUES
    ]
    deadlocks = await database.deadlocks(db)
    scans: dict[str, int] = {}
    origin = time.monotonic()
    found.course.database = database.DatabasePeaks(await database.max_connections(db))
    async with watching(found.course, eye, made.processes, origin):
        warm = 0

        async def warm_up() -> list[Measurement]:
            nonlocal warm
            warm = await fanout.send(made, fanout.long_body("ETHUSDT"))
            await fanout.settled(db, warm)
            return await _running(made)

        await step("warm_up", warm_up)
        await asyncio.sleep(drills.SPARE_S)
        plan = _plan(options, made, warm)
        slow = asyncio.create_task(front.slow_sender(made.api, made.webhook(IDLE_SOURCE)))
        await step("load", lambda: _loaded(plan, made, db, found, origin))
        scans = await database.full_scans(db)
        await step("front", lambda: _front(made))
        await step("flood", lambda: front.flood(plan, f"/v1/webhook/{SOURCE}/wrong", source=FLOOD_SOURCE))
        await step("slow_sender", lambda: _one(slow))
        await step("close", lambda: drills.close_into_fan_out(made, db, opens="SOLUSDT", closes="ETHUSDT"))
        await asyncio.sleep(drills.SPARE_S)
        await step("hung", lambda: drills.hung_accounts(made, db, well="XRPUSDT", hung="DOGEUSDT"))
        await asyncio.sleep(drills.SPARE_S)
        await step("kill", lambda: drills.kill_engine(made, db, "ETHUSDT"))
        await step("venues", lambda: _venues(made))
    add(found.course.measurements())
    add(
        [
            database.new_deadlocks(deadlocks, await database.deadlocks(db)),
            database.new_scans(scans, await database.full_scans(db)),
        ]
    )
    add(await database.settings(db))


def _plan(options: RunOptions, made: Installation, signal_id: int) -> Plan:
    whole = scenario("operator")
    values = {"source": IDLE_SOURCE, "secret": made.secrets[IDLE_SOURCE]}
    if signal_id:
        values["signal_id"] = str(signal_id)
    return Plan(
        made.api,
        whole.usable(operator=True, users=False, values=values),
        nobody(options.users),
        options.minutes * 60,
        options.users * whole.requests_per_user_s,
        operator_token=made.operator_token,
        values=values,
        sources=LOAD_SOURCES if made.egresses > 1 else (),
    )


async def _loaded(plan: Plan, made: Installation, db: Db, found: Findings, origin: float) -> list[Measurement]:
    """Load the API, and fan a signal out in the middle of it."""
    started = time.monotonic() - origin
    load = asyncio.create_task(run_load(plan))
    try:
        await asyncio.sleep(plan.duration_s * FAN_OUT_AT)
        measurements, found.curve = await drills.loaded_fan_out(made, db, "BTCUSDT")
        found.load = await load
    finally:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
    measurements += load_measurements(found.load, fan_out=len(made.venue_accounts))
    return [*measurements, found.course.slope(started, time.monotonic() - origin)]


async def _running(made: Installation) -> list[Measurement]:
    """Read the programs' metrics, and count the programs."""
    scrapes = [
        each
        for each in (await front.scrape(made.api, made.operator_token), await front.scrape(made.engine, made.operator_token))
        if each
    ]
    apis = await asyncio.to_thread(made.pids, "api")
    return [
        *front.shown(scrapes),
        measured("api_instances", len(apis), "count", "programs"),
    ]


async def _front(made: Installation) -> list[Measurement]:
    path = made.webhook(SMALL_SOURCE)
    bodies = [fanout.close_body("SOLUSDT", f"small-{number}") for number in range(SMALL_SOURCE_PER_HOUR + 3)]
    return [await front.body_limit(made.api, path), *await front.source_limit(made.api, path, bodies)]


async def _venues(made: Installation) -> list[Measurement]:
    connections, requests = await made.control.traffic()
    told = {"requests": requests, "connections": connections}
    return [measured("venue_requests_per_connection", requests / max(1, connections), "ratio", "traffic", **told)]


async def _one(task: asyncio.Task[Measurement]) -> list[Measurement]:
    return [await task]
