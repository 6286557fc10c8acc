"""One market's way out: a pool of sockets an egress address, behind the market's budgets."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from marketbot.domain.egress import Egress
from marketbot.domain.execution_report import ErrorClass
from marketbot.domain.ids import AccountId
from marketbot.ports import EgressReading
from marketbot.venues.answer import Refusal, unsent, wire_refusal
from marketbot.venues.guard import LEASE_RETRY_S, Guard
from marketbot.venues.hosts import MarketHosts
from marketbot.venues.limits import Cost
from marketbot.venues.pace import Pace
from marketbot.venues.wire import Endpoint, HandshakeRoom, Reply, Wire, WireError, WireFailure

MAX_CONNECTIONS = 64
RESERVED_CONNECTIONS = 8
"""Kept free of entries, so that hung ones can never hold up a stop or an exit."""

MAX_KEY_CONNECTIONS = 4

WARM_CONNECTIONS = 4
"""Kept open an egress: the first orders of a signal must not wait for handshakes (three round trips and 2 ms of CPU each)."""
WARM_TIMEOUT_S = 4.0

OUR_OWN_FAILURES = frozenset({WireFailure.WIRE_CLOSED, WireFailure.QUEUE_FULL, WireFailure.WRITE_REFUSED})
"""What says nothing about the venue or the way to it."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one call may take, in seconds, waiting for a socket included.

    A protective order gets less than an entry: a position has about eight seconds to become protected, and a look-up, a
    second try and an emergency exit must fit in as well.
    """

    order_s: float = 5.0
    protection_s: float = 2.5
    read_s: float = 4.0
    look_s: float = 1.5
    """A look-up of an order, or an urgent read: it is repeated at once, and a position without a stop may wait for it."""
    bulk_s: float = 20.0


class _LeaseLostError(Exception):
    """Nothing was sent."""


class Line:
    """Sends whole requests from a chosen egress address, and never sends one twice."""

    def __init__(
        self,
        hosts: MarketHosts,
        *,
        egress: Sequence[Egress | None],
        pace: Pace,
        guard: Guard,
        ssl_context: ssl.SSLContext | None,
        max_connections: int = MAX_CONNECTIONS,
        handshakes: HandshakeRoom | None = None,
    ) -> None:
        self.hosts = hosts
        self.pace = pace
        self.guard = guard
        self._egress = tuple(egress)
        self._ssl_context = ssl_context
        self._max_connections = max_connections
        self._handshakes = handshakes
        self.wires: tuple[Wire, ...] = ()
        self.key_wires: tuple[Wire, ...] = ()

    def open(self) -> None:
        """Make the pools; sockets are opened when first used."""
        if self.wires:
            return
        self.wires = tuple(self._wire(self.hosts.endpoint, at, self._max_connections) for at in self._egress)
        if self.hosts.keys is not None:
            self.key_wires = tuple(self._wire(self.hosts.keys, at, MAX_KEY_CONNECTIONS) for at in self._egress)

    def _wire(self, endpoint: Endpoint, egress: Egress | None, connections: int) -> Wire:
        return Wire(
            endpoint,
            allowed_hosts=self.hosts.allowed,
            egress=egress,
            ssl_context=self._ssl_context if endpoint.encrypted else None,
            max_connections=connections,
            reserved=min(RESERVED_CONNECTIONS, connections // 4),
            handshakes=self._handshakes,
        )

    async def close(self) -> None:
        """Close every socket; a call in flight ends as unknown."""
        await asyncio.gather(*(wire.close() for wire in (*self.wires, *self.key_wires)))

    async def send(
        self,
        request: Callable[[], bytes],
        *,
        egress: int,
        account_id: AccountId | None,
        cost: Cost,
        urgent: bool,
        timeout_s: float,
        vital: bool = False,
        keys: bool = False,
    ) -> Reply | Refusal:
        """Draw the cost, take a socket, let ``request`` build and sign itself, and return the answer whatever it says.

        An open breaker holds back what is neither ``urgent`` nor ``vital``, and nothing of the market's own. A reply's meaning is
        told to the guard by whoever reads it.
        """
        wires = self.key_wires if keys else self.wires
        if not 0 <= egress < len(wires):
            return unsent(ErrorClass.NOT_SENT, "egress_unknown", "the account's egress address is not configured here")
        if account_id is None:
            urgent = urgent or self.pace.assumes(egress)
        elif not urgent and not vital and (held := self.guard.hold(egress, account_id)) is not None:
            return held
        if not self.pace.admit(egress, account_id, cost, urgent):
            refusal = await self.pace.wait(egress, account_id, cost, urgent)
            if refusal is not None:
                return refusal
        fenced = account_id is not None and not urgent and not vital
        try:
            return await wires[egress].send(self._fenced(request) if fenced else request, timeout_s=timeout_s, urgent=urgent)
        except _LeaseLostError:
            return unsent(ErrorClass.NOT_SENT, "lease_lost", "another process may act for this account by now", LEASE_RETRY_S)
        except WireError as error:
            refusal = wire_refusal(error)
            if not keys and error.failure not in OUR_OWN_FAILURES:
                self.guard.failed(egress, account_id, refusal.fault.error_class)
            return refusal

    def _fenced(self, request: Callable[[], bytes]) -> Callable[[], bytes]:
        """Ask once more in the moment in which the bytes leave: a process may have slept while the call waited for its socket."""

        def build() -> bytes:
            if not self.guard.may_act():
                raise _LeaseLostError
            return request()

        return build

    def forget(self, accounts: Collection[AccountId]) -> None:
        """Drop the budgets at rest and the breakers of accounts that left."""
        self.pace.forget(accounts)
        self.guard.forget(accounts)

    def egress_readings(self) -> list[EgressReading]:
        """Return how each address stands, its breaker included."""
        rows = zip(self.pace.readings(), self.guard.states(), strict=True)
        return [replace(row, breaker=state, breaker_openings=openings) for row, (state, openings) in rows]

    async def keep_warm(self, ping: bytes, cost: Cost) -> list[tuple[int, Reply]]:
        """Have ``WARM_CONNECTIONS`` sockets an egress open and lately used; one that fails is opened anew when it is needed.

        Returns the answers to the pings, with the egress of each.
        """
        pings = (
            self._ping(egress, ping, cost)
            for egress, wire in enumerate(self.wires)
            for _ in range(WARM_CONNECTIONS)
            if self.pace.holds(egress) and wire.active + wire.waiting < WARM_CONNECTIONS
        )
        await asyncio.gather(*(self._open_sockets(wire) for egress, wire in enumerate(self.wires) if self.pace.holds(egress)))
        return [each for each in await asyncio.gather(*pings) if each is not None]

    async def _ping(self, egress: int, ping: bytes, cost: Cost) -> tuple[int, Reply] | None:
        reply = await self.send(lambda: ping, egress=egress, account_id=None, cost=cost, urgent=False, timeout_s=WARM_TIMEOUT_S)
        return None if isinstance(reply, Refusal) else (egress, reply)

    async def _open_sockets(self, wire: Wire) -> None:
        with contextlib.suppress(WireError):
            await wire.warm(WARM_CONNECTIONS)

    def __repr__(self) -> str:
        return f"<Line {self.hosts.endpoint} {' '.join(map(repr, self.wires))} {self.pace!r} {self.guard!r}>"
