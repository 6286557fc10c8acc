"""Speak the server's side of WebSocket (RFC 6455): text frames, pings, a close; no extensions."""

import asyncio
import base64
import hashlib
import struct
from collections.abc import Callable

from simexchange.wire.http import Request

MESSAGE_BYTES_MAX = 256 * 1024
UNSENT_BYTES_MAX = 8 * 1024 * 1024
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_CLOSE_TOO_BIG = 1009
_CLOSE_PROTOCOL_ERROR = 1002


class WebSocket:
    """One client's socket. A client that does not read its events is cut off at a bound, as at the venues."""

    def __init__(self, transport: asyncio.Transport, on_text: Callable[[str], None], on_lost: Callable[[], None]) -> None:
        self._transport = transport
        self._on_text = on_text
        self._on_lost = on_lost
        self._buffer = b""
        self._fragments: list[bytes] = []
        self._closing = False

    @classmethod
    def accept(
        cls,
        request: Request,
        transport: asyncio.Transport,
        on_text: Callable[[str], None],
        on_lost: Callable[[], None],
    ) -> "WebSocket | None":
        """Answer the handshake; None when it is none."""
        key = request.headers.get("sec-websocket-key", "")
        if not key or request.method != "GET":
            return None
        proof = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())
        transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"
        )
        return cls(transport, on_text, on_lost)

    def send(self, text: bytes) -> None:
        """Send a text message."""
        if self._closing:
            return
        if self._transport.get_write_buffer_size() > UNSENT_BYTES_MAX:
            self._closing = True
            self._transport.abort()
            return
        self._transport.write(_head(_TEXT, len(text)) + text)

    def close(self, code: int = 1000) -> None:
        """Say goodbye and close."""
        if not self._closing:
            self._closing = True
            self._transport.write(_head(_CLOSE, 2) + struct.pack("!H", code))
            self._transport.close()

    def received(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._buffer += data
        while not self._closing and self._take():
            pass

    def lost(self) -> None:
        """Learn that the connection is gone."""
        self._closing = True
        self._on_lost()

    def _take(self) -> bool:
        """Take one frame out of the buffer; say whether there was a whole one."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        final, opcode, masked, length = buffer[0] & 0x80, buffer[0] & 0x0F, buffer[1] & 0x80, buffer[1] & 0x7F
        at = 2
        if length >= 126:
            size, form = (2, "!H") if length == 126 else (8, "!Q")
            if len(buffer) < at + size:
                return False
            (length,) = struct.unpack_from(form, buffer, at)
            at += size
        if not masked:
            self.close(_CLOSE_PROTOCOL_ERROR)
            return False
        if length > MESSAGE_BYTES_MAX:
            self.close(_CLOSE_TOO_BIG)
            return False
        if len(buffer) < at + 4 + length:
            return False
        mask, payload = buffer[at : at + 4], buffer[at + 4 : at + 4 + length]
        self._buffer = buffer[at + 4 + length :]
        self._act(opcode, bool(final), _unmask(payload, mask))
        return True

    def _act(self, opcode: int, final: bool, payload: bytes) -> None:
        if opcode == _PING:
            self._transport.write(_head(_PONG, len(payload)) + payload)
        elif opcode == _CLOSE:
            self.close()
        elif opcode in (0, _TEXT, _BINARY):
            self._fragments.append(payload)
            if sum(map(len, self._fragments)) > MESSAGE_BYTES_MAX:
                self.close(_CLOSE_TOO_BIG)
            elif final:
                message, self._fragments = b"".join(self._fragments), []
                self._on_text(message.decode("utf-8", "replace"))


def _head(opcode: int, length: int) -> bytes:
    if length < 126:
        return struct.pack("!BB", 0x80 | opcode, length)
    if length < 65536:
        return struct.pack("!BBH", 0x80 | opcode, 126, length)
    return struct.pack("!BBQ", 0x80 | opcode, 127, length)


def _unmask(payload: bytes, mask: bytes) -> bytes:
    length = len(payload)
    repeated = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")
