"""How many connections an installation may come to use, and whether the server has room for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

LINE = 1
"""A process that waits for nudges: one connection that LISTENs for all its loops (``store.listen.Line``)."""
PRESENCE = 1
"""A worker that claims chunks: the session whose advisory lock says that it lives (``workers.presence``)."""
OPERATOR_RESERVE = 5
"""psql, `marketbot doctor`, `orders`, `halt`: somebody must get in when everything else is busy. Migrations too."""
BACKUP_RESERVE = 3
"""pg_dump and a verifying audit beside it; a base backup and replicas use wal senders, which count apart."""
ALARM_SHARE = 0.9


class Role(StrEnum):
    """What a process does. An engine holds as many connections whether it plans, executes or both."""

    API = "api"
    ENGINE = "engine"


DIRECT: Mapping[Role, int] = {
    Role.API: LINE,
    Role.ENGINE: LINE + PRESENCE,
}
"""Connections that a process of a role holds beside its pool, for as long as it lives."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Some processes of one role, each with a pool of so many connections at most."""

    role: Role
    processes: int
    pool_size: int

    @property
    def connections(self) -> int:
        return self.processes * (self.pool_size + DIRECT[self.role])


@dataclass(frozen=True, slots=True)
class Server:
    """What the server says: its bound, what it keeps back for superusers, and who is connected now beside those that ask."""

    max_connections: int
    reserved: int
    others: int = 0

    @property
    def usable(self) -> int:
        """Connections for everybody who is not a superuser; we count on no more, whoever we are."""
        return max(0, self.max_connections - self.reserved)


@dataclass(frozen=True, slots=True)
class Budget:
    """The sum, with what it is made of."""

    demands: tuple[Demand, ...]
    server: Server

    @property
    def planned(self) -> int:
        return sum(demand.connections for demand in self.demands)

    @property
    def reserve(self) -> int:
        return OPERATOR_RESERVE + BACKUP_RESERVE

    @property
    def needed(self) -> int:
        """What our processes may use, what others use now (other machines' processes are among them), and the reserve."""
        return self.planned + self.server.others + self.reserve

    @property
    def fits(self) -> bool:
        return self.needed <= self.server.usable

    @property
    def sentence(self) -> str:
        """Say what is needed and what there is; where it does not fit, what to change."""
        parts = ", ".join(
            f"{demand.processes} x {demand.role} of {demand.pool_size}+{DIRECT[demand.role]}"
            for demand in self.demands
            if demand.processes
        )
        said = (
            f"{self.needed} database connections are needed ({parts or 'no process'}; {self.server.others} held by others; "
            f"{self.reserve} kept for operators and backups), and the server has {self.server.usable} "
            f"(max_connections {self.server.max_connections} less {self.server.reserved} reserved)."
        )
        if self.fits:
            return said
        wanted = self.needed + self.server.reserved
        return (
            f"{said} Set max_connections to {wanted} or more and restart the server, "
            f"or lower MARKETBOT_API_POOL_SIZE and MARKETBOT_ENGINE_POOL_SIZE, or run fewer processes."
        )


def max_connections_for(demands: Sequence[Demand], *, reserved: int, machines: int = 1) -> int:
    """Return the max_connections that so many machines with these processes each want."""
    return sum(demand.connections for demand in demands) * machines + OPERATOR_RESERVE + BACKUP_RESERVE + reserved
