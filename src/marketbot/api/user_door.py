"""The way of a user's request to the database: one transaction, in which only that user's rows exist."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from marketbot.api.database import Database
from marketbot.domain.ids import UserId
from marketbot.observability.logs import logger
from marketbot.store.pool import Connection
from marketbot.store.user_wall import WALL_MISSING, UserWall, find_wall, opening_without_wall

WALL_LOOK_PAUSE_S = 60.0
"""Between two looks for a wall that was missing: a right that is granted meanwhile takes effect without a restart."""
ROLLBACK_TIMEOUT_S = 1.0

Found = TypeVar("Found")

log = logger(__name__)


class UserDoor:
    """Opens sessions behind the wall; where the login may not raise one, says so and leaves it to the statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wall: UserWall | None = None
        self._looked_at = float("-inf")
        self._simulated: bool | None = None

    def __repr__(self) -> str:
        return f"<UserDoor {'with' if self._wall else 'without'} a wall>"

    async def read(self, user_id: UserId, work: Callable[[Connection], Awaitable[Found]]) -> tuple[Found, bool]:
        """Return what ``work`` reads, and whether everything here is practice.

        It may run on a replica, and once more on the primary should that fail; a user sees their own writes either way.

        Raises:
            StoreAway: for whatever means that the database cannot be used now.
        """

        async def behind_the_wall(connection: Connection) -> tuple[Found, bool]:
            async with self._transaction(connection, user_id, writes=False):
                return await work(connection), await self.simulated(connection)

        return await self._database.reads.read(behind_the_wall, user_id=user_id)

    async def read_now(self, user_id: UserId, work: Callable[[Connection], Awaitable[Found]]) -> Found:
        """Return what ``work`` reads on the primary, where nothing that was committed is missing.

        Raises:
            StoreAway: for whatever means that the database cannot be used now.
        """
        async with self._database.connection() as connection, self._transaction(connection, user_id, writes=False):
            return await work(connection)

    @asynccontextmanager
    async def writing(self, user_id: UserId) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction of this user's; committed at the end, rolled back on any exception.

        Raises:
            StoreAway: for whatever means that the database cannot be used now.
        """
        async with self._database.connection() as connection:
            async with self._transaction(connection, user_id, writes=True):
                yield connection
            await self._database.reads.wrote(connection, user_id)

    @asynccontextmanager
    async def _transaction(self, connection: Connection, user_id: UserId, *, writes: bool) -> AsyncIterator[None]:
        await self._look(connection)
        wall = self._wall
        opening = opening_without_wall(writes=writes) if wall is None else wall.opening(user_id, writes=writes)
        try:
            await connection.execute(opening)
            yield
            await connection.execute("COMMIT")
        except BaseException as error:
            if isinstance(error, WALL_MISSING):
                # A restored database came without the role, say: look again at the next request, and answer this one 500.
                self._wall, self._looked_at = None, float("-inf")
            await _roll_back(connection)
            raise

    @property
    def simulation_known(self) -> bool | None:
        """The same where it was asked before; None where it was not."""
        return self._simulated

    async def simulated(self, connection: Connection) -> bool:
        """Tell whether everything here is practice. A database keeps its profile for ever, so it is asked once."""
        if self._simulated is None:
            self._simulated = await connection.fetchval("SELECT profile = 'simulation' FROM installation")
        return bool(self._simulated)

    async def _look(self, connection: Connection) -> None:
        if self._wall is not None or time.monotonic() - self._looked_at < WALL_LOOK_PAUSE_S:
            return
        self._wall = await find_wall(connection)
        self._looked_at = time.monotonic()
        if self._wall is None:
            log.warning(
                "user_wall_missing",
                meaning="row-level security does not guard users' requests; `marketbot doctor` says what to do",
            )


async def _roll_back(connection: Connection) -> None:
    """End a transaction that failed. A connection that cannot even do that is given up, with whatever was set in it."""
    if connection.is_closed():
        return
    try:
        await connection.execute("ROLLBACK", timeout=ROLLBACK_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - the first error is the one to tell; this connection is never used again
        log.warning("rollback_failed", error=type(error).__name__)
        connection.terminate()
