"""Memory of every process of ours over minutes of signals in and out, accounts and streams that come and go: a line, and its slope."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from bench.crowd import users_with_tokens
from bench.fanout import EGRESSES, Row, row
from bench.rig import PRICES, Rig, add_accounts, rig
from marketbot.store.users import find_user, set_enabled
from readiness.load.result import Streams
from readiness.load.scenario import User
from readiness.load.streams import hold_streams
from readiness.load.target import Target, target
from readiness.measure.sampler import fit

ACCOUNTS = 1_000
STREAMS = 1_000
WARM_UP = timedelta(minutes=2)
"""Buffers of the database, statements and allocators fill once; what they take then is no leak."""
MEASURED = timedelta(minutes=6)
LOOK_S = 5.0
NEWCOMERS = 20
"""Accounts that come with every turn, and are paused two turns later: the next close takes their position, then they are left alone."""
STAY_TURNS = 2
UNFOLLOW_TURNS = STAY_TURNS + 2 * len(PRICES)
"""By then every instrument has had its close; who is paused follows nobody from here on."""
REOPENED = 100
"""Streams that are closed and opened again with every turn."""
PAUSE_S = 2.0
SETTLE_TIMEOUT_S = 60.0
GOAL_MB = 600.0
GOAL_SLOPE_MB_PER_MIN = 1.0
MB = 1e6
MIB = 2**20


async def measure_soak() -> list[Row]:
    """Return the rows ``memory_all_processes`` and ``memory_slope``."""
    async with rig(ACCOUNTS, egresses=EGRESSES) as made, _streams(made) as streams:
        samples: list[_Look] = []
        shared_mb = await _shared_mb(made)
        watch = asyncio.create_task(_sample(made, samples, shared_mb))
        try:
            turns = await _turns(made, streams, (WARM_UP + MEASURED).total_seconds())
        finally:
            held = streams.open
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
    steady = [look for look in samples if look.at_s >= WARM_UP.total_seconds()]
    slope, error = fit([(look.at_s, sum(look.own.values())) for look in steady])
    peak = max((look.whole for look in samples), key=lambda whole: sum(whole.values()))
    each = ", ".join(f"{name} {mb:.0f}" for name, mb in peak.items())
    by_process = ", ".join(f"{name} {fit([(look.at_s, look.own[name]) for look in steady])[0] * 60:+.2f}" for name in peak)
    return [
        row(
            "memory_all_processes",
            sum(peak.values()),
            "MB",
            f"< {GOAL_MB:.0f}",
            met=sum(peak.values()) < GOAL_MB and held >= STREAMS - REOPENED,
            how=f"most at one moment with {ACCOUNTS} accounts and {STREAMS} users' streams, {held} open at the end "
            f"(proportional share: {each}; of Postgres {shared_mb:.0f} is shared memory, counted whole from the start)",
        ),
        row(
            "memory_slope",
            slope * 60,
            "MB/min",
            f"< {GOAL_SLOPE_MB_PER_MIN:.0f}",
            met=slope * 60 < GOAL_SLOPE_MB_PER_MIN,
            how=f"+- {error * 60:.2f} over {MEASURED} after {WARM_UP}: {turns} signals over {ACCOUNTS} accounts in and out, "
            f"{NEWCOMERS} accounts and {REOPENED} streams coming and going each time ({by_process}; of what "
            "each process wrote: programs and libraries are files, and Postgres' shared memory has one size, touched or not)",
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Look:
    """Megabytes by program at one moment: ``whole``, and of these ``own``, what its processes have written and no file holds."""

    at_s: float
    whole: dict[str, float]
    own: dict[str, float]


class _Streams:
    """A stream of live events for each user, held in groups that are closed and opened again one after the other."""

    def __init__(self, target: Target, users: list[User]) -> None:
        self._target = target
        self._groups = [users[start : start + REOPENED] for start in range(0, len(users), REOPENED)]
        self._found = [Streams() for _ in self._groups]
        self._tasks = [self._hold(number) for number in range(len(self._groups))]

    @property
    def open(self) -> int:
        return sum(found.held for found in self._found)

    def reopen(self, turn: int) -> None:
        number = turn % len(self._groups)
        self._tasks[number].cancel()
        self._found[number] = Streams()
        self._tasks[number] = self._hold(number)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hold(self, number: int) -> asyncio.Task[None]:
        return asyncio.create_task(hold_streams(self._target, "/v1/events", self._groups[number], self._found[number]))


@contextlib.asynccontextmanager
async def _streams(made: Rig) -> AsyncIterator[_Streams]:
    held = _Streams(target(made.api_url), await users_with_tokens(made, STREAMS))
    try:
        yield held
    finally:
        await held.close()


async def _turns(made: Rig, streams: _Streams, seconds: float) -> int:
    end, guests = time.monotonic() + seconds, list[list[str]]()
    for turn in itertools.count(1):
        symbol = list(PRICES)[turn % len(PRICES)]
        closes = turn // len(PRICES) % 2
        signal_id = await _close(made, symbol) if closes else await made.open_long(symbol)
        guests.append(await add_accounts(made, NEWCOMERS, EGRESSES))
        if len(guests) > STAY_TURNS:
            await _pause(made, guests[-1 - STAY_TURNS])
        if len(guests) > UNFOLLOW_TURNS:
            await _leave(made, guests.pop(0))
        streams.reopen(turn)
        await made.settled(signal_id, SETTLE_TIMEOUT_S)
        if time.monotonic() > end:
            return turn
        await asyncio.sleep(PAUSE_S)
    raise AssertionError("unreachable")


async def _close(made: Rig, symbol: str) -> int:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    status, answer, _ = await made.post_signal(
        {"symbol": symbol, "action": "CLOSE_LONG", "price": float(PRICES[symbol]), "timestamp": now}
    )
    if status != 202:
        raise RuntimeError(f"the webhook answered {status}: {answer}")
    return int(answer["signal_id"])


async def _pause(made: Rig, names: list[str]) -> None:
    """As their owners would: no new position, and what is open is still closed."""
    assert made.watcher is not None
    await made.watcher.execute(
        """UPDATE account a SET paused = true, changed_at = clock_timestamp()
           FROM app_user u WHERE u.user_id = a.user_id AND u.name = ANY ($1::text[])""",
        names,
    )


async def _leave(made: Rig, names: list[str]) -> None:
    """Follow nobody any more; their tokens are refused."""
    assert made.watcher is not None
    await made.watcher.execute(
        """DELETE FROM follow f USING account a, app_user u
           WHERE f.account_id = a.account_id AND a.user_id = u.user_id AND u.name = ANY ($1::text[])""",
        names,
    )
    for name in names:
        user_id = await find_user(made.watcher, name)
        if user_id is not None:
            await set_enabled(made.watcher, user_id, enabled=False)


async def _sample(made: Rig, samples: list[_Look], shared_mb: float) -> None:
    started = time.monotonic()
    postgres = psutil.Process(made.postgres.pid)
    while True:
        found = {name: _memory_mb([each.pid]) for name, each in made.processes.items() if name != "simulator"}
        own, files = _memory_mb([postgres.pid, *(each.pid for each in postgres.children())])
        found["postgres"] = (shared_mb + own, files)
        whole = {name: own + files for name, (own, files) in found.items()}
        samples.append(_Look(time.monotonic() - started, whole, {name: own for name, (own, _) in found.items()}))
        await asyncio.sleep(LOOK_S)


async def _shared_mb(made: Rig) -> float:
    """Return all that the server's processes share: it is allotted at the start and never grows, whether touched yet or not."""
    assert made.watcher is not None
    mib = await made.watcher.fetchval("SELECT setting::int FROM pg_settings WHERE name = 'shared_memory_size'")
    return int(mib) * MIB / MB


def _memory_mb(pids: Iterable[int]) -> tuple[float, float]:
    """Return what processes hold of their own, and their part of the programs and libraries that they share: a sum counts none twice.

    Shared memory is in neither.
    """
    own = files = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        kib = {
            name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if name.startswith("Pss")
        }
        own, files = own + kib["Pss_Anon"], files + kib["Pss_File"]
    return own * 1024 / MB, files * 1024 / MB
