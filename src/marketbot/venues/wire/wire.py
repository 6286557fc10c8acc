"""The pool: every request of one venue in one environment from one egress address goes through one Wire."""

import asyncio
import ssl
from collections import deque

from marketbot.domain.egress import Egress
from marketbot.venues.wire.call import Call, Request, WaitingRoom
from marketbot.venues.wire.connection import Connection
from marketbot.venues.wire.connector import Connector
from marketbot.venues.wire.counters import Counters
from marketbot.venues.wire.endpoint import Endpoint
from marketbot.venues.wire.errors import Fault, Stage, WireError, WireFailure
from marketbot.venues.wire.growth import STALLED_AFTER_S, TARGET_WAIT_S, HandshakeRoom, ServiceTime, connections_wanted
from marketbot.venues.wire.reply import Reply

MAX_CONNECTIONS = 64
MAX_CONNECTING = 16  # a handshake costs as much CPU as fifty orders: never let them crowd out the sending
MAX_WAITING = 4_096
MAX_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 5.0
CONNECT_RETRY_AFTER_S = 0.25  # pause after a failed connect, so that an absent venue is not hammered
IDLE_TIMEOUT_S = 30.0
DEADLINE_TICK_S = 0.03  # one timer looks after all deadlines; a timer a request cost 5 % of the whole request
IDLE_TICK_S = 1.0


class Wire:
    """A bounded pool of keep-alive connections that never sends anything twice.

    `reserved` connections serve urgent (risk-reducing) requests only, so that hung entries cannot hold up a stop.
    Belongs to the event loop it was made on. `max_waiting` bounds the requests that wait for a connection.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        allowed_hosts: frozenset[str],
        egress: Egress | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = MAX_CONNECTIONS,
        reserved: int = 0,
        max_connecting: int = MAX_CONNECTING,
        max_waiting: int = MAX_WAITING,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        handshakes: HandshakeRoom | None = None,
    ) -> None:
        if not 0 <= reserved < max_connections or max_connecting < 1 or max_waiting < 1:
            raise ValueError("bounds must leave room for at least one ordinary connection")
        self.endpoint = endpoint
        self.egress = egress
        self.counters = Counters()
        self._connector = Connector(
            endpoint,
            allowed_hosts=allowed_hosts,
            egress=egress,
            ssl_context=ssl_context,
            timeout_s=connect_timeout_s,
        )
        self._max_connections = max_connections
        self._max_normal = max_connections - reserved
        self._max_connecting = max_connecting
        self._handshakes = handshakes or HandshakeRoom(max_connecting)
        self._idle_timeout_s = idle_timeout_s
        self._idle_tick_s = min(IDLE_TICK_S, idle_timeout_s)
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._idle: deque[Connection] = deque()  # last used at the right, so the left end is idle longest
        self._waiting = WaitingRoom(max_waiting)
        self._normal_in_flight = 0
        self._connects: set[asyncio.Task[None]] = set()
        self._connect_not_before = 0.0
        self._connect_fault = Fault(WireFailure.CONNECT_FAILED)
        self._tick_handle: asyncio.TimerHandle | None = None
        self._ticking_fast = False
        self._service = ServiceTime()
        self._progress_at = 0.0  # the last answer, or the moment from which one is waited for
        self._closed = False
        self._drained: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return (
            f"<Wire {self.endpoint} egress={self.egress or 'any'} active={self.active} idle={self.idle}"
            f" waiting={self.waiting} connecting={self.connecting}{' closed' if self._closed else ''}>"
        )

    @property
    def active(self) -> int:
        """Return how many requests are in flight."""
        return len(self._open) - len(self._idle)

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def connecting(self) -> int:
        return len(self._connects)

    async def send(self, request: Request, *, timeout_s: float, urgent: bool = False) -> Reply:
        """Send one whole HTTP/1.1 request and return its answer, whatever its status.

        A callable `request` is called synchronously when a connection is at hand: sign there. What it raises is
        raised here and nothing is sent. It is called again only if that connection refused the write entirely.
        `timeout_s` covers the waiting and the answer; it strikes up to DEADLINE_TICK_S late. Nothing is ever sent
        twice. HEAD and CONNECT are not spoken.

        Raises WireError: stage NOT_SENT when no byte left, else UNKNOWN. After a cancellation in flight the outcome
        is unknown as well; the connection is closed either way, for its answer could come later.
        """
        assert 0.0 < timeout_s <= MAX_TIMEOUT_S
        call = Call(request, self._loop.create_future(), self._loop.time() + timeout_s, urgent)
        self.counters.requests += 1
        if not self._ticking_fast:
            self._tick_fast()
        waiting = self._waiting
        # Whoever waits has his turn before a newcomer, unless only the newcomer is urgent.
        must_wait = (
            self._closed or waiting.urgent or (not urgent and (waiting.normal or self._normal_in_flight >= self._max_normal))
        )
        if must_wait or not self._start_at_once(call):
            self._queue(call)
        try:
            return await call.answer
        except asyncio.CancelledError:
            self._abandon(call)
            raise

    async def warm(self, connections: int) -> int:
        """Open connections ahead, as many as are missing to `connections` (or to the pool's bound); return how many are.

        Each is tried once, so a venue that hangs up at once is not hammered. Raises WireError when a connect fails.
        """
        missing = min(connections, self._max_connections) - len(self._open) - len(self._connects)
        failed_before = self.counters.connects_failed
        while not self._closed and (missing > 0 or self._connects):
            while missing > 0 and len(self._connects) < self._max_connecting and self._handshakes.enter():
                self._spawn_connect()
                missing -= 1
            if not self._connects:
                await asyncio.sleep(DEADLINE_TICK_S)
                continue
            await asyncio.wait(self._connects, return_when=asyncio.FIRST_COMPLETED)
            if self.counters.connects_failed > failed_before:
                raise WireError(Stage.NOT_SENT, self._connect_fault.failure, self._connect_fault.detail)
        return len(self._open)

    async def close(self, *, grace_s: float = 0.0) -> None:
        """Take no more requests, let those in flight finish for `grace_s`, then close every connection."""
        self._closed = True
        self._fail_waiting(Fault(WireFailure.WIRE_CLOSED))
        connects = list(self._connects)
        for task in connects:
            task.cancel()
        if grace_s > 0 and self.active:
            self._drained = self._loop.create_future()
            await asyncio.wait([self._drained], timeout=grace_s)
        for connection in tuple(self._open):
            connection.drop(WireFailure.WIRE_CLOSED)
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        await asyncio.gather(*connects, return_exceptions=True)
        await asyncio.sleep(0)  # lets the loop release the sockets

    # Calls

    def _start_at_once(self, call: Call) -> bool:
        while (connection := self._take_idle()) is not None:
            if self._start(connection, call):
                return True
        return False

    def _queue(self, call: Call) -> None:
        if self._closed:
            self._fail(call, Stage.NOT_SENT, WireFailure.WIRE_CLOSED)
        elif self._waiting.add(call):
            # What the open connections will serve in time is no reason to open more; those that hang are the tick's business.
            if len(self._waiting) * self._service.seconds > TARGET_WAIT_S * len(self._open):
                self._open_more()
        else:
            self._fail(call, Stage.NOT_SENT, WireFailure.QUEUE_FULL)

    def _serve_waiting(self) -> None:
        """Start the calls whose turn it is on the idle connections."""
        waiting = self._waiting
        while self._idle and (call := waiting.next(normal_room=self._max_normal - self._normal_in_flight)) is not None:
            if call.answer.done() or call.deadline_at <= self._loop.time():
                self._fail(call, Stage.NOT_SENT, WireFailure.DEADLINE_BEFORE_SEND)
            elif (connection := self._take_idle()) is None or not self._start(connection, call):
                waiting.put_back(call)

    def _start(self, connection: Connection, call: Call) -> bool:
        """Build and write the request; False when the connection refused it and `call` still needs another."""
        request = call.request
        try:
            if not isinstance(request, bytes):
                request = request()
            if type(request) is not bytes or not request:
                raise TypeError("a request must be bytes, and at least one")
        except Exception as error:  # noqa: BLE001 the builder's error belongs to whoever passed the builder
            call.answer.set_exception(error)
            self._idle.append(connection)
            return True
        try:
            connection.send(call, request)
        except Fault as fault:
            # Nothing left, so another connection may carry it; a builder simply signs again.
            connection.drop(fault.failure, fault.detail)
            return False
        connection.sent_at = now = self._loop.time()
        if len(self._open) - len(self._idle) == 1:
            self._progress_at = now
        if not call.urgent:
            self._normal_in_flight += 1
        return True

    def _abandon(self, call: Call) -> None:
        """Forget a call whose caller was cancelled; close its connection if it is in flight."""
        if not call.answer.cancelled():
            call.answer.exception()  # it failed in the same moment, and nobody will ask
            return
        self._waiting.discard(call)
        for connection in self._open:
            if connection.call is call:
                self.counters.failures[Stage.UNKNOWN, WireFailure.CANCELLED] += 1
                connection.drop(WireFailure.CANCELLED)
                return

    def _fail(self, call: Call, stage: Stage, failure: WireFailure, detail: str = "") -> None:
        if call.fail(stage, failure, detail):
            self.counters.failures[stage, failure] += 1

    def _fail_waiting(self, fault: Fault) -> None:
        for call in self._waiting.take_all():
            self._fail(call, Stage.NOT_SENT, fault.failure, fault.detail)

    # Connections (Owner)

    def answered(self, connection: Connection, call: Call, reply: Reply, reusable: bool) -> None:
        """Take back a connection whose call is answered; not ``reusable``: the answer was its last."""
        self.counters.replies += 1
        if not call.urgent:
            self._normal_in_flight -= 1
        if not call.answer.done():
            call.answer.set_result(reply)
        if not reusable:
            connection.drop(WireFailure.CONNECTION_LOST)
            return
        connection.idle_since = self._progress_at = now = self._loop.time()
        self._service.answered(now - connection.sent_at)
        self._idle.append(connection)
        if self._waiting.urgent or self._waiting.normal:
            self._serve_waiting()
        if self._drained is not None:
            self._note_drained()

    def dropped(self, connection: Connection, call: Call | None, failure: WireFailure, detail: str) -> None:
        """Forget a connection that is closed; its call may have reached the venue."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if call is not None:
            if not call.urgent:
                self._normal_in_flight -= 1
            self._fail(call, Stage.UNKNOWN, failure, detail)
        if self._waiting:
            self._serve_waiting()
            self._open_more()
        self._note_drained()

    def _take_idle(self) -> Connection | None:
        """Take the connection used last; drop those that the peer has left or that were idle too long."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.idle_since >= self._idle_timeout_s:
                self.counters.connections_expired += 1
            elif not connection.is_usable(now):
                self.counters.connections_stale += 1
            else:
                return connection
            connection.drop(WireFailure.CONNECTION_LOST)
        return None

    def _open_more(self) -> None:
        """Connect for the calls that wait, as far as the bounds allow: for each as it begins to wait, and with the clock."""
        opened = len(self._open)
        room = self._max_connections - opened
        if room == 0 or self._closed:
            return
        now = self._loop.time()
        if now < self._connect_not_before:
            return
        waiting = self._waiting
        wanted = connections_wanted(
            waiting=len(waiting.urgent) + min(len(waiting.normal), self._max_normal - self._normal_in_flight),
            in_flight=opened - len(self._idle),
            service_s=self._service.seconds,
            stalled=opened > 0 and now - self._progress_at > STALLED_AFTER_S,
        )
        for _ in range(len(self._connects), min(wanted - opened, room, self._max_connecting)):
            if not self._handshakes.enter():
                break
            self._spawn_connect()

    def _spawn_connect(self) -> None:
        task = self._loop.create_task(self._connect())
        self._connects.add(task)
        task.add_done_callback(self._connects.discard)
        task.add_done_callback(lambda _: self._handshakes.leave())

    async def _connect(self) -> None:
        task = asyncio.current_task()
        try:
            connection = await self._connector.open(self)
        except Fault as fault:
            self._connects.discard(task)
            self._note_connect_failed(fault)
        else:
            self._connects.discard(task)
            self._welcome(connection)

    def _welcome(self, connection: Connection) -> None:
        self.counters.connects += 1
        if self._closed:
            connection.drop(WireFailure.WIRE_CLOSED)
            return
        self._open.add(connection)
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._waiting:
            self._serve_waiting()
            self._open_more()
        if self._tick_handle is None:
            self._tick_handle = self._loop.call_later(self._idle_tick_s, self._tick)

    def _note_connect_failed(self, fault: Fault) -> None:
        self.counters.connects_failed += 1
        self._connect_fault = fault
        self._connect_not_before = self._loop.time() + CONNECT_RETRY_AFTER_S
        if not self._open and not self._connects:
            self._fail_waiting(fault)  # nothing is left that could serve them

    # Time

    def _tick_fast(self) -> None:
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        self._ticking_fast = True
        self._tick_handle = self._loop.call_later(DEADLINE_TICK_S, self._tick)

    def _tick(self) -> None:
        """Enforce deadlines and idle time, and connect again after a pause; then sleep until it may matter."""
        now = self._loop.time()
        if self.active:
            for connection in tuple(self._open):
                if connection.call is not None and connection.call.deadline_at <= now:
                    connection.drop(WireFailure.ANSWER_TIMEOUT)
        for call in self._waiting.take_overdue(now):
            self._fail(call, Stage.NOT_SENT, WireFailure.DEADLINE_BEFORE_SEND)
        while self._idle and now - self._idle[0].idle_since >= self._idle_timeout_s:
            self.counters.connections_expired += 1
            self._idle[0].drop(WireFailure.CONNECTION_LOST)
        if self._waiting:
            self._serve_waiting()
            self._open_more()
        self._ticking_fast = bool(self.active or self._waiting)
        pause_s = DEADLINE_TICK_S if self._ticking_fast else self._idle_tick_s
        self._tick_handle = self._loop.call_later(pause_s, self._tick) if self._ticking_fast or self._open else None

    def _note_drained(self) -> None:
        if self._drained is not None and not self._drained.done() and not self.active:
            self._drained.set_result(None)
