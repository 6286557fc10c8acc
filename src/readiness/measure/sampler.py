"""Looks at database and processes twice a second while a run goes on, and keeps the worst, and a course for the plots."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from readiness.measure.database import DatabasePeaks, Db, look
from readiness.measure.processes import Process, machine_memory_share, memory_mb
from readiness.measurement import Measurement, measured, unmeasured

EVERY_S = 0.5
MAX_SAMPLES = 20_000
MIN_SLOPE_S = 60.0
"""A shorter stretch tells noise, no slope."""
WARM_SHARE = 0.25
"""The first part of a stretch is left out: programs fill their caches and pools."""


@dataclass(slots=True)
class MemorySample:
    at_s: float
    by_role: dict[str, float]


@dataclass(slots=True)
class Course:
    """What was seen. ``simulator`` is not ours, and counts in no sum."""

    database: DatabasePeaks | None = None
    memory: list[MemorySample] = field(default_factory=list)
    machine_share: float | None = None
    loaded: tuple[float, float] | None = None
    """Between which seconds users asked, if they did: drills start further servers and second processes, which nobody serves from."""

    def steady(self, since_s: float, until_s: float) -> list[tuple[float, float]]:
        """Return (seconds, MB of all our processes) between two moments."""
        return [
            (sample.at_s, _ours(sample.by_role)) for sample in self.memory if since_s <= sample.at_s <= until_s and sample.by_role
        ]

    def measurements(self) -> list[Measurement]:
        found = [] if self.database is None else self.database.measurements()
        if self.machine_share is not None:
            found.append(measured("memory_machine_share", self.machine_share, "share", "meminfo"))
        worst = max((_ours(sample.by_role) for sample in self.memory), default=0.0)
        since_s, until_s = self.loaded or (0.0, float("inf"))
        under_load = [sample for sample in self.memory if since_s <= sample.at_s <= until_s]
        peak = max(under_load, key=lambda sample: _ours(sample.by_role), default=None)
        if peak is None or not peak.by_role:
            return [*found, unmeasured("memory_processes_mb", "no_proc")]
        parts = ", ".join(f"{role} {mb:.0f}" for role, mb in sorted(peak.by_role.items()) if role != "simulator")
        return [
            *found,
            measured("memory_processes_mb", _ours(peak.by_role), "mb", "pss", parts=parts, worst=worst),
        ]

    def slope(self, since_s: float, until_s: float) -> Measurement:
        """Fit a line through the memory of a stretch of steady load, its beginning left out."""
        name = "memory_slope_mb_per_min"
        start = since_s + (until_s - since_s) * WARM_SHARE
        if until_s - start < MIN_SLOPE_S:
            return unmeasured(name, "slope_short", seconds=MIN_SLOPE_S)
        points = self.steady(start, until_s)
        if len(points) < 3:
            return unmeasured(name, "no_proc")
        rise, error = fit(points)
        told = {"points": len(points), "seconds": round(until_s - start), "error": round(error * 60, 2)}
        return measured(name, rise * 60, "mb_per_min", "slope", **told)


def fit(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the slope of a line through points by least squares, and its standard error."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        return 0.0, 0.0
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, (rest / max(1, count - 2) / spread) ** 0.5


@asynccontextmanager
async def watching(
    course: Course, connection: Db | None, processes: Callable[[], list[Process]], started: float
) -> AsyncIterator[None]:
    """Sample until the block ends. ``started`` is the ``time.monotonic`` that seconds count from."""
    task = asyncio.create_task(_sample(course, connection, processes, started))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sample(course: Course, connection: Db | None, processes: Callable[[], list[Process]], started: float) -> None:
    for _ in range(MAX_SAMPLES):
        at_s = time.monotonic() - started
        if connection is not None and course.database is not None:
            try:
                course.database.see(at_s, await look(connection))
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = None  # the database went away: what was seen until then stands
        by_role, machine = await asyncio.to_thread(_memory, processes)
        course.memory.append(MemorySample(at_s, by_role))
        if machine is not None:
            course.machine_share = max(course.machine_share or 0.0, machine)
        await asyncio.sleep(EVERY_S)


def _memory(processes: Callable[[], list[Process]]) -> tuple[dict[str, float], float | None]:
    by_role: dict[str, float] = defaultdict(float)
    for process in processes():
        used = memory_mb(process.pid)
        if used is not None:
            by_role[process.role or "other"] += used
    return dict(by_role), machine_memory_share()


def _ours(by_role: dict[str, float]) -> float:
    return sum(mb for role, mb in by_role.items() if role != "simulator")
