"""Connections to Postgres: the pool, single direct connections, and what counts as "the store is away"."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson

from marketbot.store.address import is_local, tls_for
from marketbot.store.timeouts import COMMANDS, ORDERS, Timeouts

POOL_SIZE_DEFAULT = 10
POOL_SIZE_MAX = 50
"""Of one process. A server process more costs about 10 MB; beyond twice its cores they wait for each other."""
IDLE_MAX_S = 30.0
"""A connection that rests so long is closed: what a burst opened is given back."""
ACQUIRE_TIMEOUT_S = 2.0
"""How long anybody waits for a connection of the pool, opening one included; then the store counts as away."""
CONNECT_TIMEOUT_S = 2.0
COMMAND_TIMEOUT_S = 30.0
"""The client's own patience, for a server that vanished: the server ends a statement earlier by itself."""
QUERIES_PER_CONNECTION_MAX = 50_000
CACHED_STATEMENTS_MAX = 200
# A host that vanishes sends no FIN: the server must notice by itself, or its advisory locks would stay held.
REMOTE_KEEPALIVE = {
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
}

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
DirectConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
# What a statement needs: a connection of its own or one lent by the pool.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

if TYPE_CHECKING:
    _AsyncpgPool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    _AsyncpgPool = asyncpg.Pool  # generic to the type checker alone

JSONB_VERSION = b"\x01"


class Unavailable(Exception):
    """The store cannot be reached or cannot take work now. Nothing is known to be wrong with the request."""


# A statement that ran into its time-out and a server that lost its disk are away for us as much as a closed port:
# the caller can only say "not now". ReadOnly: we are still connected to the loser of a failover.
AWAY = (
    Unavailable,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # lock_timeout: somebody holds what we need for longer than we may wait.
    asyncpg.LockNotAvailableError,
    # "cannot switch to state ...": the line was cut between two steps of one call (seen under kill -9).
    asyncpg.InternalClientError,
    TimeoutError,
    OSError,
)
# These are OSErrors too, but trying again will not help: somebody has to change the configuration.
MISCONFIGURED = (PermissionError, ssl.SSLCertVerificationError)


Admit = Callable[[Any], Coroutine[Any, Any, None]]


def is_unavailable(error: BaseException) -> bool:
    """Tell whether `error` means that the store is away (refused, full, starting, stopping, timed out)."""
    if isinstance(error, MISCONFIGURED):
        return False
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg has one class for misuse and for a connection or pool that was closed under the caller. A borrowed connection
        # whose server hangs up between two statements is taken back by the pool at once.
        return any(words in str(error) for words in ("is closed", "is closing", "released back to the pool"))
    return isinstance(error, AWAY)


@contextmanager
def away_as_unavailable() -> Iterator[None]:
    """Turn whatever means "the store is away" into `Unavailable`; other errors pass."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        if is_unavailable(error):
            raise Unavailable(f"The database is not available ({type(error).__name__}).") from error
        raise


class BoundedPool(_AsyncpgPool):
    """A pool whose every acquire is bounded, also the one hidden in ``pool.fetch``: asyncpg waits for ever by default."""

    __slots__ = ()

    def acquire(self, *, timeout: float | None = None) -> asyncpg.pool.PoolAcquireContext[asyncpg.Record]:
        return super().acquire(timeout=ACQUIRE_TIMEOUT_S if timeout is None else timeout)


async def open_pool(
    dsn: str, *, name: str, size: int = POOL_SIZE_DEFAULT, timeouts: Timeouts = ORDERS, admit: Admit | None = None
) -> Pool:
    """Open a pool of at most `size` connections; `name` shows in pg_stat_activity.

    Never set session state on a pooled connection (use SET LOCAL): releasing does not reset the session. That reset
    is one more query for each release, and about half of the cost of a primary key look-up. An open transaction is
    still rolled back. ``admit`` is asked before a new connection is used; what it raises is raised to who wanted the
    connection. LISTEN and session advisory locks belong on `connect`.

    Raises: Unavailable when the server is away, ValueError when size or TLS mode are not acceptable.
    """
    if not 1 <= size <= POOL_SIZE_MAX:
        raise ValueError(f"A pool holds between 1 and {POOL_SIZE_MAX} connections, not {size}.")
    with away_as_unavailable():
        return await BoundedPool(
            dsn,
            min_size=1,
            max_size=size,
            max_queries=QUERIES_PER_CONNECTION_MAX,
            max_inactive_connection_lifetime=IDLE_MAX_S,
            connect=None,
            setup=None,
            init=_teach_json if admit is None else _teach_and_ask(admit),
            reset=_leave_as_is,
            loop=None,
            connection_class=asyncpg.Connection,
            record_class=asyncpg.Record,
            **_arguments(dsn, name, timeouts),
        )


async def connect(dsn: str, *, name: str, statement_timeout_s: float = COMMANDS.statement_s) -> DirectConnection:
    """Open one direct connection, for LISTEN, session advisory locks and migrations.

    Raises: Unavailable when the server is away, ValueError when the TLS mode is not acceptable.
    """
    with away_as_unavailable():
        connection: DirectConnection = await asyncpg.connect(
            dsn, **_arguments(dsn, name, replace(COMMANDS, statement_s=statement_timeout_s))
        )
        try:
            await _teach_json(connection)
        except BaseException:
            connection.terminate()
            raise
    return connection


async def connect_bare(dsn: str, *, name: str) -> DirectConnection:
    """Open a session with the server's own settings instead of ours, to look at them.

    Raises: Unavailable when the server is away, ValueError when the TLS mode is not acceptable.
    """
    arguments = _arguments(dsn, name, COMMANDS)
    arguments["server_settings"] = {"application_name": f"marketbot {name}"}
    with away_as_unavailable():
        connection: DirectConnection = await asyncpg.connect(dsn, **arguments)
    return connection


def _arguments(dsn: str, name: str, timeouts: Timeouts) -> dict[str, Any]:
    tls = tls_for(dsn)
    return {
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": max(COMMAND_TIMEOUT_S, timeouts.statement_s),
        "statement_cache_size": CACHED_STATEMENTS_MAX,
        "server_settings": {
            "application_name": f"marketbot {name}",
            **timeouts.as_settings(),
            "timezone": "UTC",
            "jit": "off",
            # A plan made while a table was empty must not read the whole of it once it has grown.
            "enable_seqscan": "off",
            # Every statement finds its rows by an index whatever its parameters are; planning it anew for each set of them
            # cost a quarter of what the server did for an order.
            "plan_cache_mode": "force_generic_plan",
            **({} if is_local(dsn) else REMOTE_KEEPALIVE),
        },
        **({} if tls is None else {"ssl": tls}),
    }


def _teach_and_ask(admit: Admit) -> Admit:
    async def prepare(connection: DirectConnection) -> None:
        await _teach_json(connection)
        await admit(connection)

    return prepare


async def _leave_as_is(_connection: Any) -> None:
    return


async def _teach_json(connection: Any) -> None:
    """Read and write json and jsonb as Python values, Decimal as a string (a JSON number would become a float)."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: JSONB_VERSION + orjson.dumps(value, default=_decimal_as_string),
        decoder=lambda data: orjson.loads(data[1:]),
    )
    await connection.set_type_codec(
        "json",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: orjson.dumps(value, default=_decimal_as_string),
        decoder=orjson.loads,
    )


def _decimal_as_string(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
