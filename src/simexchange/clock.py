"""Tell the time: one wall clock that never runs backwards, and a skew a venue's own clock may show."""

import time


class Clock:
    """Give epoch time that follows the monotonic clock, so that intervals in the ledger are true."""

    __slots__ = ("_origin_s",)

    def __init__(self) -> None:
        self._origin_s = time.time() - time.monotonic()

    def now(self) -> float:
        """Return epoch seconds."""
        return self._origin_s + time.monotonic()

    def now_ms(self) -> int:
        """Return epoch milliseconds."""
        return int((self._origin_s + time.monotonic()) * 1000)
