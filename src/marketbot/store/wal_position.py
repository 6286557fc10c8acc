"""Places in the server's log, how far a replica is behind in seconds, and which place a reader must not be shown the past of. Pure.

A place is a number of bytes. A commit is readable on a replica once that has replayed at least the place the commit ends at.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque

OWN_WRITES_MAX = 10_000
"""Users whose last write is remembered one by one; of the rest together, the latest of those forgotten."""
SAMPLES_MAX = 512
"""Looks at the primary's log that are kept to tell a replica's lag in seconds."""

_TOKEN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})")


def position_token(position: int) -> str:
    """Write a place as Postgres does (``16/B374D848``), for a caller to show at its next read, in whatever process."""
    return f"{position >> 32:X}/{position & 0xFFFF_FFFF:X}"


def read_token(token: str) -> int | None:
    """Return the place that a token names, or None for what is no token. A forged one only sends its reader to the primary."""
    match = _TOKEN.fullmatch(token)
    return None if match is None else (int(match[1], 16) << 32) | int(match[2], 16)


class OwnWrites:
    """Up to where each user has written, as far as this process knows; bounded, and never too low.

    Whoever is forgotten raises the floor under all that are not remembered: they may be sent to the primary without need, but
    are never shown what was before their own write.
    """

    def __init__(self, users_max: int = OWN_WRITES_MAX) -> None:
        self._users_max = users_max
        self._positions: OrderedDict[int, int] = OrderedDict()
        self._floor = 0

    def __repr__(self) -> str:
        return f"<OwnWrites {len(self._positions)} users, floor {position_token(self._floor)}>"

    def note(self, user_id: int, position: int) -> None:
        self._positions[user_id] = max(position, self.of(user_id))
        self._positions.move_to_end(user_id)
        if len(self._positions) > self._users_max:
            _, forgotten = self._positions.popitem(last=False)
            self._floor = max(self._floor, forgotten)

    def note_everybody(self, position: int) -> None:
        self._floor = max(self._floor, position)

    def of(self, user_id: int | None) -> int:
        """Return what a reader must see; somebody who is no user (an operator, a sweep) has written nothing of their own."""
        if user_id is None:
            return 0
        return max(self._positions.get(user_id, 0), self._floor)


class PrimaryLog:
    """When the primary was seen at which place. What a replica has not replayed of it, and since when, is its lag.

    Counted in our own clock, so neither machine's needs to be right, and an idle primary makes nobody late.
    """

    def __init__(self, samples_max: int = SAMPLES_MAX) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=samples_max)

    def note(self, now_s: float, position: int) -> None:
        """Add a look; a place that did not move adds nothing but its time."""
        if len(self._samples) > 1 and self._samples[-1][1] == self._samples[-2][1] == position:
            self._samples.pop()
        self._samples.append((now_s, position))

    def age_s(self, now_s: float) -> float:
        """Return how long ago the primary was last seen; infinite when it never was."""
        return now_s - self._samples[-1][0] if self._samples else float("inf")

    def lag_s(self, now_s: float, replayed: int) -> float:
        """Return for how long at most the primary has had something that a replica at this place has not.

        The look before the first one that is ahead counts: what it lacks was written after that. Infinite while no look is old
        enough to tell, as for a replica that was far behind when we came.
        """
        for back, (seen_s, position) in enumerate(reversed(self._samples)):
            if position <= replayed:
                return 0.0 if back == 0 else now_s - seen_s
        return float("inf")
