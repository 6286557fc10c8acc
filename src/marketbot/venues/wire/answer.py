"""Parse HTTP/1.1 answers as they arrive. Pure: bytes in, a Reply out, no matter how the bytes were split.

Written by hand because the common answer (one packet, content-length) needs a handful of searches in C and nothing
else, where a callback parser calls back into Python once a header field.
"""

from marketbot.venues.wire.chunked import ChunkedBody
from marketbot.venues.wire.errors import Fault, WireFailure
from marketbot.venues.wire.reply import Reply, field_value

MAX_HEAD_BYTES = 32_768
MAX_BODY_BYTES = 16 * 1024 * 1024  # the largest known answer, exchangeInfo, is about 2 MB
MAX_INFORMATIONAL = 8

_HEAD, _LENGTH = 0, 1  # what is awaited; the other two stand for a length that is not known
_CHUNKED, _UNTIL_EOF = -1, -2
_VERSIONS = (b"HTTP/1.1 ", b"HTTP/1.0 ")
_VERSION_BYTES = 9
_STATUS_END = _VERSION_BYTES + 4  # the byte behind the three digits included
_STATUSES = {b"%d%b" % (status, behind): status for status in range(100, 600) for behind in (b" ", b"\r")}
_NO_BODY = (204, 304)
_LENGTH_MARK = b"\r\ncontent-length:"
_ENCODING_MARK = b"\r\ntransfer-encoding:"
_CONNECTION_MARK = b"\r\nconnection:"
_MAX_LENGTH_DIGITS = len(str(MAX_BODY_BYTES))


class AnswerParser:
    """Frames the answers of one connection, one at a time; ready for the next one after a complete answer."""

    __slots__ = ("_body", "_buffer", "_chunked", "_folded", "_head", "_informational", "_length", "_state", "_status", "reusable")

    def __init__(self) -> None:
        self.reusable = True  # False once the peer will close, or sent more than its answer
        self._reset()

    def _reset(self) -> None:
        self._state = _HEAD
        self._buffer = b""
        self._informational = 0

    def feed(self, data: bytes) -> Reply | None:
        """Take the next bytes; return the answer once it is complete. Raises Fault."""
        if self._state != _HEAD:
            return self._feed_body(data)
        if self._buffer:
            data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEAD_BYTES or not data.startswith(_VERSIONS):
            self._wait_for_head(data)
            return None
        start = end + 4
        head = data[: end + 2]
        folded = head.lower()
        status = _STATUSES.get(data[_VERSION_BYTES:_STATUS_END])
        if status is None:
            raise Fault(WireFailure.ANSWER_MALFORMED, "status is not a three-digit number")
        if status < 200:
            return self._skip_informational(status, data[start:])
        length = self._framing(head, folded, status)
        if len(data) == start + length:  # the common answer: complete in one packet
            self._buffer, self._informational = b"", 0
            return Reply(status, data[start:], head, folded)
        self._head, self._folded, self._status, self._length = head, folded, status, length
        self._body = bytearray()
        if length == _CHUNKED:
            self._chunked = ChunkedBody(MAX_BODY_BYTES)
        self._state = _LENGTH if length >= 0 else length
        return self._feed_body(data[start:])

    def eof(self) -> Reply | None:
        """Return the answer that the end of the stream completes, if it is framed that way."""
        return self._complete(bytes(self._body)) if self._state == _UNTIL_EOF else None

    def _wait_for_head(self, data: bytes) -> None:
        if not data[:_VERSION_BYTES] or not any(v.startswith(data[:_VERSION_BYTES]) for v in _VERSIONS):
            raise Fault(WireFailure.ANSWER_MALFORMED, "not an HTTP/1.x status line")
        if len(data) > MAX_HEAD_BYTES:
            raise Fault(WireFailure.ANSWER_TOO_LARGE, f"head over {MAX_HEAD_BYTES} bytes")
        self._buffer = data

    def _skip_informational(self, status: int, rest: bytes) -> Reply | None:
        self._informational += 1
        if status == 101 or self._informational > MAX_INFORMATIONAL:
            raise Fault(WireFailure.ANSWER_MALFORMED, f"unexpected informational answer {status}")
        self._buffer = b""
        return self.feed(rest) if rest else None

    def _framing(self, head: bytes, folded: bytes, status: int) -> int:
        """Return the body's length, or `_CHUNKED` or `_UNTIL_EOF`, by RFC 9112 section 6.3."""
        at = folded.find(_CONNECTION_MARK)
        if at >= 0 and b"close" in folded[at : folded.find(b"\r\n", at + 2)]:
            self.reusable = False
        elif head.startswith(_VERSIONS[1]):
            self.reusable = b"keep-alive" in (field_value(folded, folded, b"connection") or b"")
        if _ENCODING_MARK in folded:
            if field_value(folded, folded, b"transfer-encoding") != b"chunked":
                raise Fault(WireFailure.ANSWER_MALFORMED, "transfer-encoding other than chunked")
            return _CHUNKED
        if status in _NO_BODY:
            return 0
        at = folded.find(_LENGTH_MARK)
        if at < 0:
            self.reusable = False
            return _UNTIL_EOF
        at += len(_LENGTH_MARK)
        value = folded[at : folded.find(b"\r\n", at)].strip(b" \t")
        if not value.isdigit() or folded.find(_LENGTH_MARK, at) >= 0:
            raise Fault(WireFailure.ANSWER_MALFORMED, "content-length is not one number")
        length = int(value) if len(value) <= _MAX_LENGTH_DIGITS else MAX_BODY_BYTES + 1
        if length > MAX_BODY_BYTES:
            raise Fault(WireFailure.ANSWER_TOO_LARGE, f"body over {MAX_BODY_BYTES} bytes")
        return length

    def _feed_body(self, data: bytes) -> Reply | None:
        if self._state == _CHUNKED:
            body = self._chunked.feed(data)
            if body is None:
                return None
            if self._chunked.surplus:
                self.reusable = False
            return self._complete(body)
        self._body += data
        if self._state == _UNTIL_EOF:
            if len(self._body) > MAX_BODY_BYTES:
                raise Fault(WireFailure.ANSWER_TOO_LARGE, f"body over {MAX_BODY_BYTES} bytes")
            return None
        if len(self._body) < self._length:
            return None
        if len(self._body) > self._length:
            self.reusable = False
        return self._complete(bytes(self._body[: self._length]))

    def _complete(self, body: bytes) -> Reply:
        reply = Reply(self._status, body, self._head, self._folded)
        self._reset()
        return reply
