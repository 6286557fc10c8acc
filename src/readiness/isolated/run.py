"""The whole examination of a throw-away installation, step by step. A step that fails is reported, and the others go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import asyncpg

from readiness.capacity.question import Question, answer
from readiness.capacity.venues import VENUES
from readiness.findings import Findings
from readiness.isolated import drills, fanout, outages
from readiness.isolated.archiving import backup_drill
from readiness.isolated.errors import RunFailed
from readiness.isolated.installation import Installation, put_up
from readiness.isolated.killing import kill_engine
from readiness.isolated.limits import SPENT, user_limits
from readiness.isolated.population import (
    IDLE_SOURCE,
    SMALL_SOURCE,
    SMALL_SOURCE_PER_HOUR,
    SOURCE,
    give_tokens,
    populate,
)
from readiness.isolated.refusing import venue_refuses
from readiness.isolated.rolling import rolling_restart
from readiness.load.crowd import as_many
from readiness.load.generator import Plan, run_load
from readiness.load.scenario import Scenario, scenario
from readiness.load_measurements import load_measurements
from readiness.measure import database, front
from readiness.measure.alerts import alerts
from readiness.measure.database import Db
from readiness.measure.flood import flood
from readiness.measure.sampler import watching
from readiness.measurement import Measurement, measured

FAN_OUT_AT = 0.3
"""The loaded fan-out begins after this part of the load."""
LOAD_SOURCES = tuple(f"127.0.0.{number}" for number in range(20, 36))
"""Addresses that users come from: the door bounds the connections and the requests of each."""
FLOOD_SOURCE = "127.0.0.66"
SLOW_SOURCES = ("127.0.0.67", "127.0.0.68")
STEP_TIMEOUT_S = 300.0
CAPACITY_TARGET_S = 10.0
HARMLESS_SETTING = '{"paused":false}'
"""What users change under load: a true write of a setting that moves no order of the drills."""
DRILL_SYMBOL, OTHER_SYMBOL = "ETHUSDT", "DOGEUSDT"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    users: int
    accounts: int
    minutes: float


@dataclass(frozen=True, slots=True)
class _Steps:
    """Runs one step after the other; what one finds is kept, and what ends it is told."""

    found: Findings
    say: Say

    async def __call__(self, name: str, work: Callable[[], Awaitable[list[Measurement]]]) -> None:
        self.say(name)
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                self.found.measurements.add(await work())
        except (RunFailed, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self.found.failures.append(f"{name}: {error or type(error).__name__}")


async def examine_isolated(options: RunOptions, say: Say) -> Findings:
    """Put an installation up, measure it, and take it down.

    Raises:
        RunFailed: it could not be put up at all.
    """
    started = time.monotonic()
    found = Findings(datetime.now(UTC), True, options.users, options.accounts)
    async with put_up(say=say) as made:
        await populate(made, options.accounts, say)
        db = await database.connect(made.dsn)
        eye = await database.connect(made.dsn)
        try:
            await _examine(options, made, db, eye, found, say)
        finally:
            await db.close()
            await eye.close()
    found.took_s = time.monotonic() - started
    return found


async def _examine(options: RunOptions, made: Installation, db: Db, eye: Db, found: Findings, say: Say) -> None:
    """The primary's end comes last: it breaks every connection, and the server forgets what it has counted."""
    add, step = found.measurements.add, _Steps(found, say)
    await give_tokens(made, db, options.users, say)
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
        await step("warm_up", lambda: _warmed_up(made, db))
        await asyncio.sleep(drills.SPARE_S)
        plan = _plan(options, made, await _readable(made, say))
        slow = asyncio.create_task(front.slow_sender(made.api, made.webhook(IDLE_SOURCE)))
        await step("load", lambda: _loaded(plan, made, db, found, origin))
        scans = await database.full_scans(db)
        await step("close", lambda: drills.close_into_fan_out(made, db, opens="SOLUSDT", closes="ETHUSDT"))
        await asyncio.sleep(drills.SPARE_S)
        await step("hung", lambda: drills.hung_accounts(made, db, well="XRPUSDT", hung="DOGEUSDT"))
        await step("venues", lambda: _venues(made))
        await step("front", lambda: _front(made))
        await step("limits", lambda: user_limits(made))
        plan = _without_spent(plan, made)
        await step("flood", lambda: _flood(plan))
        await step("slow_sender", lambda: _one(slow))
        await step("kill", lambda: kill_engine(made, db, "ETHUSDT"))
        # A backup reads every table from end to end, by intention.
        add([database.new_scans(scans, await database.full_scans(db))])
        await _break(step, made, db, plan)
        add([database.new_deadlocks(deadlocks, await database.deadlocks(db))])
        add(await database.settings(db))
    add([await alerts(None, 0)])
    add(found.course.measurements())
    await step("primary", lambda: _primary(made, db, plan))


async def _break(step: _Steps, made: Installation, db: Db, plan: Plan) -> None:
    """Break one part after the other. Each drill opens what was closed before it."""

    def drill(work: Callable[[], Awaitable[list[Measurement]]]) -> Callable[[], Awaitable[list[Measurement]]]:
        async def run() -> list[Measurement]:
            await fanout.cleared(made, db, DRILL_SYMBOL, OTHER_SYMBOL)
            return await work()

        return run

    await step("shared_store", drill(lambda: outages.shared_store(made, db, plan, DRILL_SYMBOL)))
    await step("replica_killed", drill(lambda: outages.replica(made, db, plan, DRILL_SYMBOL)))
    await step("backup", drill(lambda: backup_drill(made, db, DRILL_SYMBOL)))
    await step("rolling", drill(lambda: rolling_restart(made, db, plan, DRILL_SYMBOL)))
    await step("refusing", drill(lambda: venue_refuses(made, db, throttled=DRILL_SYMBOL, banned=OTHER_SYMBOL)))


async def _primary(made: Installation, db: Db, plan: Plan) -> list[Measurement]:
    await fanout.cleared(made, db, DRILL_SYMBOL, OTHER_SYMBOL)
    return await outages.primary(made, plan, DRILL_SYMBOL)


async def _warmed_up(made: Installation, db: Db) -> list[Measurement]:
    """Fan a first signal out, read what every program shows, and count the programs."""
    await fanout.settled(db, await fanout.send(made, fanout.long_body("ETHUSDT")))
    token = made.operator_token
    shown = front.shown(await front.scrape_all(made.apis, token), await front.scrape_all(made.engines, token))
    return [*shown, measured("api_instances", len(await asyncio.to_thread(made.pids, "api")), "count", "programs")]


async def _readable(made: Installation, say: Say) -> Scenario:
    """Return what users do, with their streams if this version serves any."""
    whole = scenario("users")
    routes = tuple(replace(route, body=HARMLESS_SETTING) if route.name == "settings" else route for route in whole.routes)
    say("streams")
    served = bool(made.users) and await front.serves_stream(made.api, whole.stream, made.users[0].token)
    return replace(whole, routes=routes, stream=whole.stream if served else "")


def _plan(options: RunOptions, made: Installation, whole: Scenario) -> Plan:
    values = {"source": IDLE_SOURCE, "secret": made.secrets[IDLE_SOURCE]}
    return Plan(
        made.api,
        whole.usable(operator=True, users=True, values=values),
        as_many(made.users, options.users),
        options.minutes * 60,
        options.users * whole.requests_per_user_s,
        operator_token=made.operator_token,
        values=values,
        sources=LOAD_SOURCES if made.egresses > 1 else (),
    )


def _without_spent(plan: Plan, made: Installation) -> Plan:
    """Leave out the users who have just used up what they may: their 429 would be no failure of anybody else's."""
    spent = {user.values["account_id"] for user in made.users[:SPENT]}
    return replace(plan, users=[user for user in plan.users if user.values["account_id"] not in spent] or plan.users)


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
    found.course.loaded = (started, time.monotonic() - origin)
    measurements += load_measurements(found.load, fan_out=len(made.venue_accounts))
    return [*measurements, found.course.slope(started, time.monotonic() - origin)]


async def _flood(plan: Plan) -> list[Measurement]:
    several = bool(plan.sources)
    path = f"/v1/webhook/{SOURCE}/wrong"
    return await flood(plan, path, source=FLOOD_SOURCE if several else None, slow_sources=SLOW_SOURCES if several else ())


async def _front(made: Installation) -> list[Measurement]:
    path = made.webhook(SMALL_SOURCE)
    bodies = [fanout.close_body("SOLUSDT", f"small-{number}") for number in range(SMALL_SOURCE_PER_HOUR + 3)]
    return [await front.body_limit(made.api, path), *await front.source_limit(made.api, path, bodies)]


async def _venues(made: Installation) -> list[Measurement]:
    """Read what the venues saw so far, before any of the drills in which they refuse by order."""
    seen = await made.control.traffic()
    told = {"requests": seen.requests, "connections": seen.connections}
    return [
        measured("venue_requests_per_connection", seen.requests / max(1, seen.connections), "ratio", "traffic", **told),
        measured("venue_rate_refusals", seen.over_limit, "count", "over_limit", requests=seen.requests),
    ]


async def _one(task: asyncio.Task[Measurement]) -> list[Measurement]:
    return [await task]
