"""Reads that may be a moment old: from a replica where one is fit, from the primary otherwise, and never before one's own writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import asyncpg

from marketbot.observability import metrics
from marketbot.store.pool import Connection, away_as_unavailable
from marketbot.store.replicas import PRIMARY_POSITION, Primary, Replica, Replicas
from marketbot.store.wal_position import OwnWrites, position_token

REPLICA_PATIENCE_S = 0.6
"""What a replica may take of a reader's time, so that enough of it is left for the primary."""

# Whatever a replica answers but rows, the primary is asked: its schema may be a migration behind, its query cancelled by replay.
_REFUSALS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)

Found = TypeVar("Found")


class Reads:
    """Where reads go.

    ``read`` is for whoever can say what is read as a function: a replica that dies under it is not noticed. ``acquire`` lends
    a connection that was alive a moment ago.

    Args:
        primary: lends a connection to the primary, and raises in its own words when there is none.
        replicas: None, or none that is fit: every read goes to the primary.
    """

    def __init__(self, primary: Primary, replicas: Replicas | None = None) -> None:
        self._primary = primary
        self._replicas = replicas
        self._own = OwnWrites()

    def __repr__(self) -> str:
        return f"<Reads {self._replicas!r} {self._own!r}>"

    async def read(self, work: Callable[[Connection], Awaitable[Found]], *, user_id: int | None = None, after: int = 0) -> Found:
        """Return what ``work`` reads. It may be run twice, the second time on the primary, so it must only read.

        ``user_id`` reads their own writes, as far as this process knows of them; ``after`` is a place in the log
        (``wal_position.read_token``) that has to be seen, whoever wrote it.
        """
        replica = self._choose(user_id, after)
        if replica is not None:
            assert self._replicas is not None
            try:
                async with asyncio.timeout(REPLICA_PATIENCE_S), self._replicas.lend(replica) as connection:
                    found = await work(connection)
            except _REFUSALS as error:
                self._replicas.failed(replica, error)
            else:
                metrics.count_read(replica=True)
                return found
        metrics.count_read(replica=False)
        async with self._primary() as connection:
            return await work(connection)

    @asynccontextmanager
    async def acquire(self, user_id: int | None = None, *, after: int = 0) -> AsyncIterator[Connection]:
        """Lend a connection for reading.

        Raises:
            Unavailable: the replica died in the middle; asking again finds the primary.
        """
        async with AsyncExitStack() as stack:
            replica = self._choose(user_id, after)
            connection = None if replica is None else await self._alive(stack, replica)
            metrics.count_read(replica=connection is not None)
            if connection is None or replica is None:
                yield await stack.enter_async_context(self._primary())
                return
            assert self._replicas is not None
            try:
                with away_as_unavailable():
                    yield connection
            except Exception as error:
                self._replicas.failed(replica, error)
                raise

    async def wrote(self, connection: Connection, user_id: int) -> str | None:
        """Note that a user's write was committed on this connection to the primary, just before.

        Returns a token for the user's next read in another process; None where there are no replicas to lag.
        """
        if self._replicas is None:
            return None
        position: int = await connection.fetchval(PRIMARY_POSITION)
        self._own.note(user_id, position)
        return position_token(position)

    async def saw_changes(self, users: Collection[int] | None) -> None:
        """Show these users (None: everybody) nothing older than now: they were told that something has changed.

        Raises:
            Whatever the primary raises when there is none.
        """
        if self._replicas is None:
            return
        async with self._primary() as connection:
            position: int = await connection.fetchval(PRIMARY_POSITION)
        if users is None:
            self._own.note_everybody(position)
        for user_id in users or ():
            self._own.note(user_id, position)

    def _choose(self, user_id: int | None, after: int) -> Replica | None:
        return None if self._replicas is None else self._replicas.choose(max(after, self._own.of(user_id)))

    async def _alive(self, stack: AsyncExitStack, replica: Replica) -> Connection | None:
        """Return a connection of the replica that has just answered, or None."""
        assert self._replicas is not None
        try:
            async with asyncio.timeout(REPLICA_PATIENCE_S):
                connection = await stack.enter_async_context(self._replicas.lend(replica))
                await connection.fetchval("SELECT 1")
        except _REFUSALS as error:
            self._replicas.failed(replica, error)
            return None
        return connection
