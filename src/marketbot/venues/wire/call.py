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

    __slots__ = ("_max_calls", "_normal", "_urgent")

    def __init__(self, max_calls: int) -> None:
        self._max_calls = max_calls
        self._urgent: OrderedDict[Call, None] = OrderedDict()
        self._normal: OrderedDict[Call, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._normal)

    def blocks(self, call: Call) -> bool:
        """Tell whether somebody already waits whose turn is before that of a newcomer `call`."""
        return bool(self._urgent) or (not call.urgent and bool(self._normal))

    def add(self, call: Call) -> bool:
        """Queue `call`; False when the room is full."""
        if len(self) >= self._max_calls:
            return False
        (self._urgent if call.urgent else self._normal)[call] = None
        return True

    def put_back(self, call: Call) -> None:
        """Queue `call` again as the first of its class; it had its place already, so the bound does not apply."""
        room = self._urgent if call.urgent else self._normal
        room[call] = None
        room.move_to_end(call, last=False)

    def next(self, *, normal_room: int) -> Call | None:
        """Take the call whose turn it is, when `normal_room` calls that are not urgent may start."""
        if self._urgent:
            return self._urgent.popitem(last=False)[0]
        if self._normal and normal_room > 0:
            return self._normal.popitem(last=False)[0]
        return None

    def servable(self, *, normal_room: int) -> int:
        """Return how many calls could use a connection now."""
        return len(self._urgent) + min(len(self._normal), normal_room)

    def discard(self, call: Call) -> None:
        """Forget `call` if it waits here."""
        (self._urgent if call.urgent else self._normal).pop(call, None)

    def take_overdue(self, now: float) -> list[Call]:
        """Take the calls whose deadline has passed."""
        overdue = [call for room in (self._urgent, self._normal) for call in room if call.deadline_at <= now]
        for call in overdue:
            self.discard(call)
        return overdue

    def take_all(self) -> list[Call]:
        """Take every call, urgent ones first."""
        calls = [*self._urgent, *self._normal]
        self._urgent.clear()
        self._normal.clear()
        return calls
