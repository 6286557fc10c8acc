"""Decode the chunked transfer coding (RFC 9112 section 7.1) as it arrives."""

from marketbot.venues.wire.errors import Fault, WireFailure

MAX_CHUNK_LINE_BYTES = 1_024
MAX_TRAILER_BYTES = 8_192
_MAX_SIZE_DIGITS = 8
_HEX = frozenset(b"0123456789abcdefABCDEF")


class ChunkedBody:
    """Collects the chunks of one body of at most `max_bytes`."""

    __slots__ = ("_body", "_max_bytes", "_pending", "_trailing")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pending = bytearray()
        self._body = bytearray()
        self._trailing = False

    def feed(self, data: bytes) -> bytes | None:
        """Take the next bytes; return the body once its last chunk and trailers are there. Raises Fault."""
        self._pending += data
        while not self._trailing:
            if not self._take_chunk():
                return None
        return bytes(self._body) if self._take_trailers() else None

    @property
    def surplus(self) -> int:
        """Return how many bytes came after the body."""
        return len(self._pending)

    def _take_chunk(self) -> bool:
        pending = self._pending
        end = pending.find(b"\r\n", 0, MAX_CHUNK_LINE_BYTES + 2)
        if end < 0:
            if len(pending) > MAX_CHUNK_LINE_BYTES:
                raise Fault(WireFailure.ANSWER_TOO_LARGE, f"chunk line over {MAX_CHUNK_LINE_BYTES} bytes")
            return False
        size = _chunk_size(bytes(pending[:end]))
        if len(self._body) + size > self._max_bytes:
            raise Fault(WireFailure.ANSWER_TOO_LARGE, f"body over {self._max_bytes} bytes")
        start = end + 2
        if size == 0:
            del pending[:start]
            self._trailing = True
            return True
        if len(pending) < start + size + 2:
            return False
        if pending[start + size : start + size + 2] != b"\r\n":
            raise Fault(WireFailure.ANSWER_MALFORMED, "chunk does not end where it says")
        self._body += memoryview(pending)[start : start + size]
        del pending[: start + size + 2]
        return True

    def _take_trailers(self) -> bool:
        pending = self._pending
        if pending.startswith(b"\r\n"):
            del pending[:2]
            return True
        end = pending.find(b"\r\n\r\n", 0, MAX_TRAILER_BYTES + 4)
        if end >= 0:
            del pending[: end + 4]
            return True
        if len(pending) > MAX_TRAILER_BYTES:
            raise Fault(WireFailure.ANSWER_TOO_LARGE, f"trailers over {MAX_TRAILER_BYTES} bytes")
        return False


def _chunk_size(line: bytes) -> int:
    digits = line.split(b";", 1)[0].strip(b" \t")
    if not 0 < len(digits) <= _MAX_SIZE_DIGITS or not _HEX.issuperset(digits):
        raise Fault(WireFailure.ANSWER_MALFORMED, "chunk size is not a hexadecimal number")
    return int(digits, 16)
