"""One request on its way: what to send, until when, and who waits for the answer."""

from asyncio import Future
from collections import OrderedDict
from collections.abc import Callable

from marketbot.venues.wire.errors import Stage, WireError, WireFailure
from marketbot.venues.wire.reply import Reply

Request = bytes | Callable[[], bytes]  # whole HTTP/1.1 request; a callable is called just before the write, to sign then


class Call:
    """A request and the future of its answer. Identity is what counts; two equal calls are still two orders."""

    __slots__ = ("answer", "deadline_at", "request", "urgent")

    def __init__(self, request: Request, answer: "Future[Reply]", deadline_at: float, urgent: bool) -> None:
        self.request = request
        self.answer = answer
        self.deadline_at = deadline_at  # on the event loop's clock
        self.urgent = urgent

    def fail(self, stage: Stage, failure: WireFailure, detail: str = "") -> bool:
        """Give the caller the failure; False when nobody waits any more."""
        if self.answer.done():
            return False
        self.answer.set_exception(WireError(stage, failure, detail))
        return True


class WaitingRoom:
    """Calls that wait for a connection: bounded, first come first served, urgent ones before all others."""

    __slots__ = ("_max_calls", "normal", "urgent")

    def __init__(self, max_calls: int) -> None:
        self._max_calls = max_calls
        self.urgent: OrderedDict[Call, None] = OrderedDict()
        self.normal: OrderedDict[Call, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self.urgent) + len(self.normal)

    def add(self, call: Call) -> bool:
        """Queue `call`; False when the room is full."""
        if len(self.urgent) + len(self.normal) >= self._max_calls:
            return False
        (self.urgent if call.urgent else self.normal)[call] = None
        return True

    def put_back(self, call: Call) -> None:
        """Queue `call` again as the first of its class; it had its place already, so the bound does not apply."""
        room = self.urgent if call.urgent else self.normal
        room[call] = None
        room.move_to_end(call, last=False)

    def next(self, *, normal_room: int) -> Call | None:
        """Take the call whose turn it is, when `normal_room` calls that are not urgent may start."""
        if self.urgent:
            return self.urgent.popitem(last=False)[0]
        if self.normal and normal_room > 0:
            return self.normal.popitem(last=False)[0]
        return None

    def discard(self, call: Call) -> None:
        """Forget `call` if it waits here."""
        (self.urgent if call.urgent else self.normal).pop(call, None)

    def take_overdue(self, now: float) -> list[Call]:
        """Take the calls whose deadline has passed."""
        overdue = [call for room in (self.urgent, self.normal) for call in room if call.deadline_at <= now]
        for call in overdue:
            self.discard(call)
        return overdue

    def take_all(self) -> list[Call]:
        """Take every call, urgent ones first."""
        calls = [*self.urgent, *self.normal]
        self.urgent.clear()
        self.normal.clear()
        return calls
