"""Sends what is due when it is due, and times it from then.

A closed loop waits for an answer before it asks again, and so asks least while the server stalls: the stall is counted once, however
many would have met it. Here requests fall due by the clock alone. One that finds every connection busy waits its turn, and the wait
is part of its latency.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from readiness.load.arrivals import Arrivals, due_times
from readiness.load.result import SIGNAL, LoadResult
from readiness.load.scenario import Mix, Route, Scenario, Shows, User, filled
from readiness.load.streams import hold_streams
from readiness.load.target import Target
from readiness.load.wire import Connection, Failure, WireFailed, connect, request

MAX_CONNECTIONS = 1_024
"""Of the generator to the server, event streams apart."""
MAX_WAITING = 100_000
"""Requests that are due and wait for a connection; one more is counted as an error of kind overflow."""
TIMEOUT_S = 10.0
NAP_MAX_S = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """One load. ``values`` fill places of paths and bodies; ``sources`` are local addresses to send from, in turn."""

    target: Target
    scenario: Scenario
    users: Sequence[User]
    duration_s: float
    rate_per_s: float
    arrivals: Arrivals = Arrivals.POISSON
    operator_token: str = field(default="", repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    sources: Sequence[str] = ()
    timeout_s: float = TIMEOUT_S
    max_connections: int = MAX_CONNECTIONS
    seed: int = 1

    @property
    def connections(self) -> int:
        return max(1, min(len(self.users), self.max_connections))


@dataclass(frozen=True, slots=True)
class _Due:
    """``at_s`` counts from the start of the load. Without a route and a user, both are drawn when it is sent."""

    at_s: float
    is_signal: bool
    route: Route | None = None
    user: User | None = None


class _Run:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.mix = Mix(plan.scenario.routes, seed=plan.seed) if plan.rate_per_s > 0 else None
        self.result = LoadResult(len(plan.users), plan.rate_per_s, plan.duration_s, plan.connections)
        self.waiting: asyncio.Queue[_Due] = asyncio.Queue(MAX_WAITING)
        self.under_way: dict[int, tuple[str, float]] = {}
        self.started = time.perf_counter()
        self.signals = 0
        self.following = [route for route in plan.scenario.routes if route.name in plan.scenario.follow]
        self.own_moment = random.Random(plan.seed)  # noqa: S311 - a repeatable load, not a secret

    def now_s(self) -> float:
        return time.perf_counter() - self.started

    async def dispatch(self) -> None:
        """Let everything fall due at its time."""
        plan = self.plan
        signals_per_s = plan.scenario.signals_per_s if plan.scenario.webhook is not None else 0.0
        due = heapq.merge(
            ((at, False) for at in due_times(plan.arrivals, plan.rate_per_s, plan.duration_s, seed=plan.seed)),
            ((at, True) for at in due_times(plan.arrivals, signals_per_s, plan.duration_s, seed=plan.seed + 1)),
        )
        for at_s, is_signal in due:
            if (ahead := at_s - self.now_s()) > 0:
                await asyncio.sleep(ahead)
            self.result.own_lag.record(self.now_s() - at_s)
            self._put(_Due(at_s, is_signal))
        await asyncio.sleep(max(0.0, plan.duration_s - self.now_s()))

    def follow(self, user: User) -> None:
        """Let fall due what a user reads after an event."""
        for route in self.following:
            asyncio.get_running_loop().call_later(
                self.own_moment.uniform(0, self.plan.scenario.follow_within_s), self._follow, route, user
            )

    def _follow(self, route: Route, user: User) -> None:
        if (now_s := self.now_s()) < self.plan.duration_s:
            self._put(_Due(now_s, is_signal=False, route=route, user=user))

    def _put(self, due: _Due) -> None:
        try:
            self.waiting.put_nowait(due)
        except asyncio.QueueFull:
            name = SIGNAL if due.is_signal else "overflow"
            self.result.note(name, due.at_s, self.now_s() - due.at_s, Failure.OVERFLOW)

    async def work(self, number: int) -> None:
        """Be one connection: take what is due, one after the other."""
        connection: Connection | None = None
        sources = self.plan.sources
        source = sources[number % len(sources)] if sources else None
        try:
            while True:
                due = await self.waiting.get()
                route, content = self._drawn(due)
                self.under_way[number] = (route.name, due.at_s)
                failure, status = None, None
                try:
                    if connection is None or not connection.is_open:
                        connection = await connect(self.plan.target, source=source)
                    reply = await connection.ask(content, self.plan.timeout_s)
                    status = reply.status
                    failure = None if status in route.expects else Failure.STATUS
                except WireFailed as failed:
                    failure = failed.kind
                del self.under_way[number]
                self.result.note(route.name, due.at_s, self.now_s() - due.at_s, failure, status)
                self.waiting.task_done()
        finally:
            if connection is not None:
                connection.close()

    def give_up(self) -> None:
        """Count what has no answer when the load is over: it failed, after as long as it has waited."""
        for name, at_s in self.under_way.values():
            self.result.note(name, at_s, self.now_s() - at_s, Failure.TIMEOUT)
        while not self.waiting.empty():
            due = self.waiting.get_nowait()
            self.result.note(SIGNAL if due.is_signal else "unsent", due.at_s, self.now_s() - due.at_s, Failure.TIMEOUT)

    def _drawn(self, due: _Due) -> tuple[Route, bytes]:
        """Choose what is asked, and by whom."""
        plan = self.plan
        values: dict[str, Any] = dict(plan.values)
        token = ""
        if due.is_signal:
            route = plan.scenario.webhook
            assert route is not None
            self.signals += 1
            values |= {"now": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "number": f"{id(self):x}-{self.signals}"}
        else:
            if due.route is not None and due.user is not None:
                route, user = due.route, due.user
            else:
                assert self.mix is not None
                route = self.mix.draw()
                user = plan.users[self.mix.pick(len(plan.users))]
            if route.shows is Shows.USER:
                token = user.token
                values |= user.values
            elif route.shows is Shows.OPERATOR:
                token = plan.operator_token
        body = filled(route.body, values).encode()
        path = filled(route.path, values)
        host = plan.target.authority
        return route, request(route.method, path, host=host, body=body, token=token, content_type=route.content_type)


async def run_load(plan: Plan, *, ended: Callable[[], bool] = lambda: False) -> LoadResult:
    """Send a plan's load and return what it found. It ends with the plan's time, or soon after ``ended`` says so."""
    run = _Run(plan)
    streams = (
        asyncio.create_task(
            hold_streams(plan.target, plan.scenario.stream, plan.users, run.result.streams, plan.sources, run.follow)
        )
        if plan.scenario.stream
        else None
    )
    workers = [asyncio.create_task(run.work(number)) for number in range(plan.connections)]
    dispatcher = asyncio.create_task(run.dispatch())
    try:
        while not dispatcher.done():
            await asyncio.wait({dispatcher}, timeout=NAP_MAX_S)
            if ended():
                run.result.aborted = True
                dispatcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dispatcher
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(plan.timeout_s):
                await run.waiting.join()
    finally:
        tasks = [dispatcher, *workers, *([] if streams is None else [streams])]
        for task in tasks:
            task.cancel()
        run.give_up()
        failed = [each for each in await asyncio.gather(*tasks, return_exceptions=True) if isinstance(each, Exception)]
    if failed:
        raise failed[0]
    return run.result
