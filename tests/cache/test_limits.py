"""Limits that several processes share, and what is left of them when the store is away."""

from __future__ import annotations

import asyncio

from marketbot.cache.limits import MAX_KEY_LENGTH, PREFIX, Limits
from marketbot.clock import SystemClock
from marketbot.domain.buckets import MAX_REMEMBERED
from marketbot.domain.gcra import US, Rate
from marketbot.domain.limits import USER_COMMANDS, Check, Limit, LimitName
from marketbot.observability.metrics import REGISTRY
from marketbot.observability.shared_metrics import SharedUse

from .conftest import Connect
from .store import Store, until

HOUR_US = 3600 * US
SLOW = Limit(LimitName.USER_COMMANDS, Rate(HOUR_US, 10))
"""As a user's commands, but nothing comes back while a test runs."""


async def passed(limits: Limits, check: Check, asked: int) -> int:
    return sum([(await limits.take(check)).allowed for _ in range(asked)])


async def test_several_processes_let_no_more_pass_than_one(connect: Connect) -> None:
    doors = [Limits(SystemClock(), await connect()) for _ in range(3)]
    verdicts = await asyncio.gather(*(door.take(Check(SLOW, "7")) for door in doors for _ in range(20)))
    assert sum(verdict.allowed for verdict in verdicts) == 10
    assert REGISTRY.get_sample_value("marketbot_cache_entries", {"cache": "limits"}) == 1
    assert REGISTRY.get_sample_value("marketbot_cache_entries_max", {"cache": "limits"}) == MAX_REMEMBERED
    assert [(await door.take(Check(SLOW, "8"))).allowed for door in doors] == [True] * 3
    refused = await doors[0].take(Check(SLOW, "7"))
    assert (refused.remaining, refused.limit) == (0, SLOW)
    assert 3500 < refused.retry_after_s <= 3600


async def test_while_the_store_is_away_each_process_goes_on_alone_and_then_together_again(store: Store, connect: Connect) -> None:
    first, second = await connect(), await connect()
    one, other = Limits(SystemClock(), first), Limits(SystemClock(), second)
    assert await passed(one, Check(SLOW, "a"), 4) == 4
    store.kill()
    # What a process heard before is not forgotten; what others took it cannot know.
    assert await passed(one, Check(SLOW, "a"), 20) == 6
    assert await passed(other, Check(SLOW, "a"), 20) == 10
    store.start()
    await until(lambda: first.up and second.up)
    assert await passed(one, Check(SLOW, "b"), 6) == 6
    assert await passed(other, Check(SLOW, "b"), 20) == 4
    # And what was used up here stays used up, though the store knows nothing of it.
    assert await passed(one, Check(SLOW, "a"), 5) == 0


async def test_a_flood_is_refused_without_asking_the_store(connect: Connect) -> None:
    shared = await connect()
    limits = Limits(SystemClock(), shared)
    await passed(limits, Check(SLOW, "a"), 11)
    asked = await shared.run(SharedUse.LIMITS, lambda client: client.info("commandstats"))
    assert await passed(limits, Check(SLOW, "a"), 100) == 0
    later = await shared.run(SharedUse.LIMITS, lambda client: client.info("commandstats"))
    assert later["cmdstat_evalsha"]["calls"] == asked["cmdstat_evalsha"]["calls"]


async def test_what_the_store_refuses_is_taken_from_no_limit(connect: Connect) -> None:
    tight, wide = (
        Check(Limit(LimitName.SOURCE_ADDRESS, Rate(HOUR_US, 1)), "a"),
        Check(Limit(LimitName.SOURCE, Rate(HOUR_US, 3)), "s"),
    )
    one, other = Limits(SystemClock(), await connect()), Limits(SystemClock(), await connect())
    assert (await one.take(tight, wide)).allowed
    for _ in range(5):
        verdict = await other.take(tight, wide)
        assert (verdict.allowed, verdict.limit.name) == (False, LimitName.SOURCE_ADDRESS)
    assert await passed(other, wide, 5) == 2


async def test_long_keys_take_no_more_room_than_others(connect: Connect) -> None:
    shared = await connect()
    limits = Limits(SystemClock(), shared)
    assert (await limits.take(Check(USER_COMMANDS, "x" * 10_000))).allowed
    (key,) = await shared.run(SharedUse.LIMITS, lambda client: client.keys(f"{PREFIX}:*"))
    assert len(key) <= len(f"{PREFIX}:{LimitName.USER_COMMANDS}:") + MAX_KEY_LENGTH


async def test_without_a_store_a_process_has_its_own() -> None:
    assert await passed(Limits(SystemClock()), Check(SLOW, "a"), 11) == 10
