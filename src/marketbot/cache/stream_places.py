"""How many streams a user has open at all processes together, so that more instances do not mean more for each.

A user's streams are a set in the shared store; each of them names its process, and each process has one lease. So a stream costs a
command when it opens and one when it ends and nothing in between, and those of a process that was killed stop counting with its lease.

Fails open: while the store is away each process counts its own (``api.live_hub``). Whatever went wrong on the way, a place that could
not be given back or one that nobody knows whether it was taken, is mended by one thing: the process takes another name, under which it
says anew what it holds, and what stands under the old one counts no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from importlib.resources import files
from itertools import count
from typing import TYPE_CHECKING

from marketbot.cache.shared import Shared, SharedStoreAway
from marketbot.domain.ids import UserId
from marketbot.observability.shared_metrics import SharedUse

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

TAKE = files(__package__).joinpath("take_stream.lua").read_text()
RENEW = files(__package__).joinpath("renew_streams.lua").read_text()
PREFIX = "mb:streams"
PROCESSES = f"{PREFIX}:processes"
LEASE_S = 5.0
"""How long the streams of a process that was killed still count: callers come back within a quarter of a minute."""
RENEW_EVERY_S = 1.0
GATHER_S = 0.05
"""What ends together is told together: a process that drains ends thousands."""
SET_LIFE_S = 7_200.0
"""Longer than a stream lives; renewed by each that opens. So nothing is left of a user who comes no more."""
MAX_TOLD_AT_ONCE = 200
"""Streams in one exchange with the store, whose time is bounded."""
MAX_ENDED = 10_000
"""Streams that ended and are not yet told; past it the process begins anew under another name."""


class StreamPlaces:
    """One process's part of everybody's count. Without a shared store there is none, and every stream has a place."""

    def __init__(self, shared: Shared | None) -> None:
        self._shared = shared
        self._name = secrets.token_hex(8)
        self._former = ""
        """What it was called when the store last knew, until the store has heard of the change."""
        self._anew = False
        """Say again what is held, under another name."""
        self._numbers = count(1)
        self._held: dict[int, UserId] = {}
        self._ended: list[tuple[UserId, int]] = []
        self._some = asyncio.Event()
        self._take: AsyncScript | None = None
        self._renew: AsyncScript | None = None

    def __repr__(self) -> str:
        return f"<StreamPlaces {len(self._held)} held, {len(self._ended)} of {MAX_ENDED} to be told>"

    async def take(self, user_id: UserId, most: int) -> int | None:
        """Return the number of a place for one more stream; None when the user has ``most`` of them. Give it back with ``leave``."""
        number = next(self._numbers)
        self._held[number] = user_id
        shared = self._shared
        if shared is None:
            return number
        name = self._name
        # Those that have just ended leave their places now: a page that is loaded anew closes its stream and opens one.
        ended = [each for owner, each in self._ended if owner == user_id]
        arguments: list[str | int] = [most, name, number, int(LEASE_S * 1000), int(SET_LIFE_S * 1000), *ended]
        keys = [_key(user_id), PROCESSES]
        try:
            taken, lapsed = await shared.run(SharedUse.STREAMS, lambda client: self._taking(client)(keys=keys, args=arguments))
        except SharedStoreAway:
            self._begin_anew()  # it may have been taken all the same
            return number
        except BaseException:
            self.leave(number)
            raise
        if lapsed or name != self._name:
            self._begin_anew()
        if taken:
            return number
        self._held.pop(number, None)
        return None

    def leave(self, number: int) -> None:
        """Give a place back, soon. Idempotent."""
        user_id = self._held.pop(number, None)
        if user_id is None or self._shared is None:
            return
        if len(self._ended) >= MAX_ENDED:
            self._begin_anew()
        else:
            self._ended.append((user_id, number))
            self._some.set()

    async def run(self) -> None:
        """Keep this process's lease and tell what ended, until cancelled. Returns at once without a shared store."""
        shared = self._shared
        if shared is None:
            return
        while True:
            try:
                if shared.up:
                    await self.go_round(shared)
            except SharedStoreAway:
                self._begin_anew()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_EVERY_S):
                    await self._some.wait()
            await asyncio.sleep(GATHER_S)
            self._some.clear()

    async def go_round(self, shared: Shared) -> None:
        """Renew the lease; tell what ended, or everything that is held.

        Raises:
            SharedStoreAway: what was told, nobody knows.
        """
        if self._anew:
            self._anew = False
            self._former = self._former or self._name
            self._name = secrets.token_hex(8)
            self._ended.clear()
            await self._renewed(shared)
            await self._tell(shared, [(user_id, number) for number, user_id in self._held.items()], held=True)
        elif await self._renewed(shared):
            # Its first time, or what it held was given away: the store began anew, or did not hear of us for too long.
            await self._tell(shared, [(user_id, number) for number, user_id in self._held.items()], held=True)
        ended, self._ended = self._ended, []
        await self._tell(shared, ended, held=False)

    async def close(self) -> None:
        """Let nothing of this process's count any more, if that can be said now; its lease ends soon anyway."""
        shared = self._shared
        if shared is not None:
            with contextlib.suppress(SharedStoreAway):
                await shared.run(SharedUse.STREAMS, lambda client: client.zrem(PROCESSES, self._name))

    def _begin_anew(self) -> None:
        self._anew = True
        self._ended.clear()

    async def _renewed(self, shared: Shared) -> bool:
        """Renew the lease; tell whether it had ended."""
        arguments: list[str | int] = [self._name, int(LEASE_S * 1000), self._former]
        lapsed = await shared.run(SharedUse.STREAMS, lambda client: self._renewing(client)(keys=[PROCESSES], args=arguments))
        self._former = ""
        return bool(lapsed)

    async def _tell(self, shared: Shared, streams: Sequence[tuple[UserId, int]], *, held: bool) -> None:
        for begin in range(0, len(streams), MAX_TOLD_AT_ONCE):
            some = streams[begin : begin + MAX_TOLD_AT_ONCE]
            await shared.run(SharedUse.STREAMS, lambda client, some=some: self._told(client, some, held=held))  # type: ignore[misc]

    async def _told(self, client: Redis, streams: Sequence[tuple[UserId, int]], *, held: bool) -> None:
        async with client.pipeline(transaction=False) as commands:
            for user_id, number in streams:
                if not held:
                    commands.srem(_key(user_id), f"{self._name}:{number}")
                elif number in self._held:
                    commands.sadd(_key(user_id), f"{self._name}:{number}")
                    commands.pexpire(_key(user_id), int(SET_LIFE_S * 1000))
            await commands.execute()

    def _taking(self, client: Redis) -> AsyncScript:
        if self._take is None:
            self._take = client.register_script(TAKE)
        return self._take

    def _renewing(self, client: Redis) -> AsyncScript:
        if self._renew is None:
            self._renew = client.register_script(RENEW)
        return self._renew


def _key(user_id: UserId) -> str:
    return f"{PREFIX}:user:{user_id}"
