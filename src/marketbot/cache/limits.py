"""Limits that all processes share: asked of this process's memory first, then of the shared store.

Here first, because a flood is then refused without a round trip. While the store is away each process keeps the same limits alone
(it fails open: n processes let n times as many pass), beginning with what it last heard of them.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from marketbot.cache.shared import Shared, SharedStoreAway
from marketbot.domain.buckets import Buckets
from marketbot.domain.gcra import US, Decision
from marketbot.domain.limits import Check, Verdict, strictest
from marketbot.observability.shared_metrics import SharedUse, count_limited, set_cache_entries
from marketbot.ports import Clock

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

SCRIPT = files(__package__).joinpath("gcra.lua").read_text()
PREFIX = "mb:limit"
CACHE = "limits"
"""What this process's memory of limits is called in the metrics of caches."""
MAX_KEY_LENGTH = 64
"""Characters; what is longer is counted by its digest, so that nobody chooses how much we store."""
FIELDS = 4


class Limits:
    """Fulfils ``ports.Limiter``. Without a shared store it is a process's own limits."""

    def __init__(self, clock: Clock, shared: Shared | None = None) -> None:
        self._clock = clock
        self._shared = shared
        self._buckets = Buckets()
        self._script: AsyncScript | None = None
        set_cache_entries(CACHE, 0, self._buckets.most)

    def __repr__(self) -> str:
        return f"<Limits {self._buckets!r} {self._shared!r}>"

    async def take(self, *checks: Check) -> Verdict:
        """Take one from every limit named, or from none when one of them is used up."""
        named = [Check(each.limit, _short(each.key)) for each in checks]
        decisions = self._buckets.take(named, self._now_us())
        set_cache_entries(CACHE, self._buckets.remembered, self._buckets.most)
        verdict = strictest(named, decisions)
        if verdict.allowed and self._shared is not None:
            with contextlib.suppress(SharedStoreAway):
                verdict = strictest(named, await self._ask(self._shared, named))
        if not verdict.allowed:
            count_limited(verdict.limit.name)
        return verdict

    async def _ask(self, shared: Shared, checks: Sequence[Check]) -> list[Decision]:
        """Ask the store, and remember here what it says, translated to this process's own time."""
        keys, arguments = script_arguments(checks)
        answer = await shared.run(SharedUse.LIMITS, lambda client: self._compiled(client)(keys=keys, args=arguments))
        decisions, store_us = read_decisions(answer)
        ahead_us = self._now_us() - store_us
        taken = all(decision.allowed for decision in decisions)
        for check, decision in zip(checks, decisions, strict=True):
            untaken_us = check.limit.rate.interval_us if decision.allowed and not taken else 0
            self._buckets.learn(check, decision.tat_us - untaken_us + ahead_us)
        return decisions

    def _compiled(self, client: Redis) -> AsyncScript:
        if self._script is None:
            self._script = client.register_script(SCRIPT)
        return self._script

    def _now_us(self) -> int:
        return int(self._clock.monotonic() * US)


def script_arguments(checks: Sequence[Check], now_us: int | None = None) -> tuple[list[str], list[str | int]]:
    """Return the script's keys and arguments. Without ``now_us`` the store's own time counts."""
    keys = [f"{PREFIX}:{each.limit.name}:{each.key}" for each in checks]
    arguments: list[str | int] = ["" if now_us is None else now_us]
    for check in checks:
        arguments += (check.limit.rate.interval_us, check.limit.rate.burst)
    return keys, arguments


def read_decisions(answer: Sequence[Any]) -> tuple[list[Decision], int]:
    """Read the script's answer: a decision for each key, and the time it went by."""
    numbers = [int(each) for each in answer]
    fields = zip(*[iter(numbers[:-1])] * FIELDS, strict=True)
    return [Decision(allowed == 1, tat_us, remaining, wait_us) for allowed, tat_us, remaining, wait_us in fields], numbers[-1]


def _short(key: str) -> str:
    return key if len(key) <= MAX_KEY_LENGTH else hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
