"""A crowd of users, each with a stream open and a mix of reads and settings, while a signal fans out; and how many streams are held.

The load comes from this process, over loopback, and shares the machine with everything that it measures. Latency counts from when a
request was due, not from when it was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass

from bench.fanout import EGRESSES, SETTLE_TIMEOUT_S, Row, quiet, row
from bench.rig import IDLE_SOURCE, SYMBOL, WARM_UP_SYMBOL, Rig, rig
from marketbot.accounts.api_token import make_token
from marketbot.domain.scope import USER_SCOPES
from readiness.load.generator import Plan, run_load
from readiness.load.result import MAX_OWN_LAG_S, LoadResult, Streams
from readiness.load.scenario import User, scenario
from readiness.load.streams import OPENED_PER_S, hold_streams
from readiness.load.target import Target, target

USERS = 1_000
STREAMS = 5_000
DURATION_S = 40.0
SIGNAL_AFTER_S = 15.0
"""Into the load, when all its streams are open."""
RESTING_S = 15.0
"""How long all streams are held without a change before their memory is taken."""
OPEN_TIMEOUT_S = 120.0
P95_GOAL_MS = 200.0
ERRORS_GOAL = 0.001
STEP = 1_000
"""Users more with each step towards the most that are held."""
STEP_S = 12.0
"""How long they go about once all their streams are open."""


@dataclass(frozen=True, slots=True)
class _Crowd:
    found: LoadResult
    signal_to_settled_s: float


async def measure_crowd(users: int = USERS, streams: int = STREAMS) -> list[Row]:
    """Return the rows ``crowd_p95``, ``crowd_errors``, ``streams_held``, ``streams_p95`` and ``users_held``."""
    async with rig(users, egresses=EGRESSES, onlookers=streams - users) as made:
        owners = await users_with_tokens(made, streams)
        to = target(made.api_url)
        await made.settled(await made.open_long(WARM_UP_SYMBOL), SETTLE_TIMEOUT_S)
        await quiet(made)
        crowd = await _crowd(made, to, owners[:users])
        held = await _held(made, to, owners, owners[:users])
        return [*_crowd_rows(crowd, users), *held, await _most(made, to, owners, min(users, STEP))]


async def users_with_tokens(made: Rig, count: int) -> list[User]:
    """Return so many users with a token each; the first ones are those that the installation has accounts for."""
    assert made.watcher is not None
    rows = await made.watcher.fetch("SELECT user_id, account_id FROM account ORDER BY account_id LIMIT $1", count)
    tokens = [make_token(operator=False) for _ in rows]
    await made.watcher.executemany(
        "INSERT INTO api_token (user_id, name, scopes, sha256, prefix) VALUES ($1, 'bench', $2, $3, $4)",
        [(each["user_id"], sorted(USER_SCOPES), token.sha256, token.prefix) for each, token in zip(rows, tokens, strict=True)],
    )
    await made.watcher.execute("ANALYZE")
    return [User(token.text, {"account_id": str(each["account_id"])}) for each, token in zip(rows, tokens, strict=True)]


def _plan(made: Rig, to: Target, users: list[User], duration_s: float, *, streams: bool) -> Plan:
    wanted = scenario("users").usable(operator=False, users=True, values={"source": "", "secret": ""})
    return Plan(
        target=to,
        scenario=wanted if streams else wanted.without_stream(),
        users=users,
        duration_s=duration_s,
        rate_per_s=wanted.requests_per_user_s * len(users),
        values={"source": IDLE_SOURCE, "secret": made.secret},
    )


async def _crowd(made: Rig, to: Target, users: list[User]) -> _Crowd:
    """Have everybody open a stream and go about; in the middle of it, a signal for all."""
    loading = asyncio.create_task(run_load(_plan(made, to, users, DURATION_S, streams=True)))
    await asyncio.sleep(max(SIGNAL_AFTER_S, len(users) / OPENED_PER_S + 5.0))
    started = time.monotonic()
    await made.settled(await made.open_long(SYMBOL), SETTLE_TIMEOUT_S)
    took_s = time.monotonic() - started
    return _Crowd(await loading, took_s)


async def _held(made: Rig, to: Target, owners: list[User], users: list[User]) -> list[Row]:
    """Open a stream for every owner, take the API's memory, and ask as before while they rest."""
    before = made.rss_bytes("api")
    found = Streams()
    holding = asyncio.create_task(hold_streams(to, scenario("users").stream, owners, found))
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            while found.held < len(owners):  # noqa: ASYNC110 - counted by another task
                await asyncio.sleep(0.2)
        await asyncio.sleep(RESTING_S)
        bytes_a_stream = (made.rss_bytes("api") - before) / len(owners)
        others = await run_load(_plan(made, to, users, RESTING_S, streams=False))
        held, cut = found.held, found.cut
    finally:
        holding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await holding
    p95_ms = others.latency().quantile_s(0.95) * 1_000
    return [
        row(
            "streams_held",
            held,
            "streams",
            f">= {len(owners)}, none cut",
            met=held >= len(owners) and not cut and not found.refused,
            how=f"at one API process, a user each; {bytes_a_stream / 1024:.1f} KiB of its memory for each; {cut} cut, "
            f"{found.refused} refused",
        ),
        row(
            "streams_p95",
            p95_ms,
            "ms",
            f"< {P95_GOAL_MS:.0f}",
            met=p95_ms < P95_GOAL_MS and others.error_share < ERRORS_GOAL,
            how=f"{others.count} requests of {len(users)} users ({others.rate_per_s:.0f}/s) while {held} streams are open; "
            f"{others.error_share:.3%} errors{_lateness(others)}",
        ),
    ]


async def _most(made: Rig, to: Target, owners: list[User], step: int) -> Row:
    """Let more and more users go about, each with a stream, until their p95 or their errors pass the goal."""
    good, told = 0, ""
    for count in range(step, len(owners) + 1, step):
        cpu_s, started = made.cpu_s()["api"], time.monotonic()
        found = await run_load(_plan(made, to, owners[:count], count / OPENED_PER_S + STEP_S, streams=True))
        share = (made.cpu_s()["api"] - cpu_s) / (time.monotonic() - started)
        p95_ms = found.latency().quantile_s(0.95) * 1_000
        told = (
            f"with {count}: p95 {p95_ms:.0f} ms, {found.error_share:.3%} errors at {found.rate_per_s:.0f} requests/s, the API on "
            f"{share:.0%} of a core{_lateness(found)}"
        )
        if p95_ms >= P95_GOAL_MS or found.error_share >= ERRORS_GOAL:
            break
        good = count
    stopped = "all that were tried" if good == len(owners) // step * step else "what stopped it"
    return row(
        "users_held",
        good,
        "users",
        f">= {step}, p95 < {P95_GOAL_MS:.0f} ms",
        met=good >= step,
        how=f"at one API process, in steps of {step}, a stream and a request every five seconds each; {stopped}: {told}",
    )


def _crowd_rows(crowd: _Crowd, users: int) -> list[Row]:
    found = crowd.found
    p95_ms = found.latency().quantile_s(0.95) * 1_000
    held = found.streams
    return [
        row(
            "crowd_p95",
            p95_ms,
            "ms",
            f"< {P95_GOAL_MS:.0f}",
            met=p95_ms < P95_GOAL_MS and held.held == users,
            how=f"{users} users, {held.held} streams held, {held.events} events; {found.count} requests over "
            f"{found.duration_s:.0f} s, from when each was due: reads and settings ({found.rate_per_s:.0f}/s), signals "
            f"({scenario('users').signals_per_s:.0f}/s), two reads within a second of each event; meanwhile a signal fans out to "
            f"{users} accounts in {crowd.signal_to_settled_s:.2f} s{_lateness(found)}",
        ),
        row(
            "crowd_errors",
            found.error_share * 100,
            "%",
            f"< {ERRORS_GOAL:.1%}",
            met=found.error_share < ERRORS_GOAL and not held.refused and not held.cut,
            how=f"{found.failed} of {found.count}{_refusals(found)}; streams: {held.refused} refused, {held.cut} cut",
        ),
    ]


def _refusals(found: LoadResult) -> str:
    """Tell what the failed requests were answered with, most frequent first."""
    statuses = sum((Counter(kind.statuses) for kind in found.kinds.values()), Counter[int]())
    told = [f"{count} x {status}" for status, count in statuses.most_common() if status >= 400]
    return f" ({', '.join(told)})" if told else ""


def _lateness(found: LoadResult) -> str:
    lag_s = found.own_lag.quantile_s(0.99)
    return f"; the generator was late by {lag_s * 1_000:.0f} ms at p99" if lag_s > MAX_OWN_LAG_S else ""


async def _main() -> None:
    for each in await measure_crowd(100, 300):
        print(each)


if __name__ == "__main__":
    asyncio.run(_main())
