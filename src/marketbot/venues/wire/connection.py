"""One keep-alive connection: at most one request in flight, and a dropped connection is never used again."""

import asyncio
import select
import ssl
from typing import Protocol, cast

from marketbot.venues.wire.answer import AnswerParser
from marketbot.venues.wire.call import Call
from marketbot.venues.wire.errors import Fault, WireFailure
from marketbot.venues.wire.reply import Reply
from marketbot.venues.wire.tls import TlsSession

# The event loop may not have looked at a socket that was idle this long; below, an end of stream is noticed in time.
STALE_PROBE_AFTER_S = 0.05


class Owner(Protocol):
    """Who lends connections out and wants them back."""

    def answered(self, connection: "Connection", call: Call, reply: Reply, reusable: bool) -> None: ...

    def dropped(self, connection: "Connection", call: Call | None, failure: WireFailure, detail: str) -> None: ...


class Connection(asyncio.Protocol):
    """The socket side of one request at a time. Becomes usable when `ready` is done."""

    __slots__ = (
        "_dropped",
        "_owner",
        "_parser",
        "_poll",
        "_shaken",
        "_tls",
        "_transport",
        "call",
        "idle_since",
        "ready",
        "sent_at",
    )

    def __init__(self, owner: Owner, ready: "asyncio.Future[None]", tls: TlsSession | None) -> None:
        self._owner = owner
        self._tls = tls
        self._parser = AnswerParser()
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._dropped = False
        self._shaken = False
        self.ready = ready
        self.call: Call | None = None
        self.idle_since = 0.0
        self.sent_at = 0.0

    def is_usable(self, now: float) -> bool:
        """Tell whether a request may be written here: the peer has neither left nor sent something that nobody asked for."""
        transport = self._transport
        if self._dropped or transport is None or transport.is_closing():
            return False
        return self._poll is None or now - self.idle_since < STALE_PROBE_AFTER_S or not self._poll.poll(0)

    def send(self, call: Call, request: bytes) -> None:
        """Write `request` on this usable connection and expect the answer to `call`.

        Raises Fault if, and only if, no byte can have left.
        """
        transport = self._transport
        assert transport is not None
        if self._tls is not None:
            try:
                request = self._tls.encrypt(request)
            except ssl.SSLError as error:
                raise Fault(WireFailure.WRITE_REFUSED, _describe(error)) from None
        self.call = call
        try:
            transport.write(request)
        except (OSError, RuntimeError) as error:
            self.drop(WireFailure.CONNECTION_LOST, _describe(error))

    def drop(self, failure: WireFailure, detail: str = "") -> None:
        """Close at once; the call in flight, if any, goes back to the owner without an answer."""
        if self._dropped:
            return
        self._dropped = True
        call, self.call = self.call, None
        if self._transport is not None:
            self._transport.abort()
        if self.ready.done():
            self._owner.dropped(self, call, failure, detail)
        else:
            self.ready.set_exception(Fault(failure, detail))

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if hasattr(select, "poll"):  # not on every platform; without it only the loop notices a stale connection
            self._poll = select.poll()
            self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        if self._tls is None:
            self.ready.set_result(None)
        else:
            self._shake(self._tls, b"")

    def data_received(self, data: bytes) -> None:
        tls = self._tls
        if tls is not None:
            if not self._shaken:
                self._shake(tls, data)
                return
            try:
                data = tls.decrypt(data)
            except ssl.SSLError as error:
                self.drop(WireFailure.CONNECTION_LOST, _describe(error))
                return
        if data:
            call = self.call
            if call is None:
                # Bytes nobody asked for would be taken for the answer to the next order.
                self.drop(WireFailure.ANSWER_MALFORMED, "bytes without a request")
                return
            try:
                reply = self._parser.feed(data)
            except Fault as fault:
                self.drop(fault.failure, fault.detail)
                return
            if reply is not None:
                self.call = None
                self._owner.answered(self, call, reply, self._parser.reusable)
        if tls is not None and tls.closed_by_peer:
            self._end(clean=True)

    def eof_received(self) -> None:
        # Over TLS a bare end of stream may be a third party's truncation: only close_notify ends a body.
        self._end(clean=self._tls is None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(WireFailure.CONNECTION_LOST, "closed" if exc is None else _describe(exc))

    def _shake(self, tls: TlsSession, data: bytes) -> None:
        assert self._transport is not None
        try:
            complete = tls.shake(data)
        except ssl.SSLError as error:
            self.drop(WireFailure.TLS_REFUSED, _describe(error))
            return
        if outgoing := tls.outgoing():
            self._transport.write(outgoing)
        self._shaken = complete
        if complete and not self.ready.done():
            self.ready.set_result(None)

    def _end(self, *, clean: bool) -> None:
        call = self.call
        reply = self._parser.eof() if clean and call is not None else None
        if call is not None and reply is not None:
            self.call = None
            self._owner.answered(self, call, reply, self._parser.reusable)
        self.drop(WireFailure.CONNECTION_LOST, "end of stream")


def _describe(error: Exception) -> str:
    """Name an error of the socket or of TLS; neither quotes what was sent."""
    return f"{type(error).__name__}: {error}"
