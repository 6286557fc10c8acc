"""Users who go on asking while something is broken on purpose, and what became of their requests."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from readiness.isolated.errors import RunFailed
from readiness.load.generator import Plan, run_load
from readiness.load.result import LoadResult

DRILL_CONNECTIONS = 64
REQUESTS_A_USER_S = 1.0
"""A user who asked more often would meet limits of their own, and those are no drill."""
DRILL_MAX_S = 180.0
"""A drill that lasts longer has failed."""


@dataclass(slots=True)
class Traffic:
    """``ended`` is there when the drill is over."""

    over: bool = False
    ended: LoadResult | None = None

    @property
    def result(self) -> LoadResult:
        if self.ended is None:
            raise RunFailed("the users' requests are not over")
        return self.ended

    @property
    def statuses(self) -> dict[int, int]:
        total: Counter[int] = Counter()
        for kind in self.result.kinds.values():
            total.update(kind.statuses)
        return dict(total)

    def told(self) -> str:
        """Return the answers by status, and the requests without one by what went wrong."""
        parts = [f"{status}: {count}" for status, count in sorted(self.statuses.items())]
        errors: Counter[str] = Counter()
        for kind in self.result.kinds.values():
            errors.update({failure.value: count for failure, count in kind.errors.items() if failure.value != "status"})
        return ", ".join(parts + [f"{name}: {count}" for name, count in sorted(errors.items())]) or "-"


@asynccontextmanager
async def asking(plan: Plan, rate_per_s: float) -> AsyncIterator[Traffic]:
    """Have a plan's users ask, without streams and signals, for as long as the block lasts."""
    traffic = Traffic()
    rate_per_s = min(rate_per_s, len(plan.users) * REQUESTS_A_USER_S)
    quiet = replace(
        plan,
        duration_s=DRILL_MAX_S,
        rate_per_s=rate_per_s,
        max_connections=DRILL_CONNECTIONS,
        scenario=replace(plan.scenario, stream="", webhook=None, signals_per_s=0.0),
    )
    load = asyncio.create_task(run_load(quiet, ended=lambda: traffic.over))
    try:
        yield traffic
        traffic.over = True
        traffic.ended = await load
    finally:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
