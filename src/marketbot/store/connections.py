"""Who is connected to the server now, and whether there is room for what is about to be started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marketbot.domain.errors import MarketBotError
from marketbot.store.budget import Budget, Demand, Server
from marketbot.store.pool import Connection, Pool

# Who may not see others' sessions reads NULL as their kind; a server's own workers have no user then.
_USAGE = """
SELECT current_setting('max_connections')::int AS max_connections,
       current_setting('superuser_reserved_connections')::int
           + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
       (SELECT count(*)::int FROM pg_stat_activity
        WHERE coalesce(backend_type, 'client backend') = 'client backend' AND usesysid IS NOT NULL) AS used
"""


class ConnectionBudgetError(MarketBotError):
    """The processes could come to use more connections than the server has; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Sessions of clients now, over all databases of the server, and how many there can be (superusers' reserve left out)."""

    max_connections: int
    reserved: int
    used: int

    @property
    def usable(self) -> int:
        return max(1, self.max_connections - self.reserved)

    @property
    def share(self) -> float:
        return self.used / self.usable


async def usage(connection: Connection | Pool) -> Usage:
    row = await connection.fetchrow(_USAGE)
    assert row is not None
    return Usage(row["max_connections"], row["reserved"], row["used"])


async def check_budget(connection: Connection, demands: Sequence[Demand], *, own: int = 1) -> Budget:
    """Refuse to start what the server has no room for.

    Args:
        connection: of the one that asks; ``own`` is how many connections it holds, which are gone before the others come.
        demands: the processes that are about to be started here. Those of other machines are counted as they are connected now.

    Raises:
        ConnectionBudgetError: with a sentence that says what to change.
    """
    now = await usage(connection)
    found = Budget(tuple(demands), Server(now.max_connections, now.reserved, others=max(0, now.used - own)))
    if not found.fits:
        raise ConnectionBudgetError(found.sentence)
    return found
