"""What engines say to the streams of all API processes: for whom something changed, a thousand users in one message.

A fan-out over ten thousand accounts concerns ten thousand users at once. One message a user would be ten thousand on the wire at every
process, mostly for users who do not look; one list serves all, and each process picks out whom it has streams for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice

import msgspec

LIVE_TOPIC = "live"
MAX_USERS_A_NOTE = 1_000
"""As many as fit into one NOTIFY, should the shared store be away: up to five bytes each."""
MAX_SIGNALS_A_NOTE = 20
"""Signals that operators are told by number; of the rest they learn that there were some."""
MAX_USERS_GATHERED = 50_000
"""Users remembered one by one; when there are more, everybody is told to look."""


class Note(msgspec.Struct, frozen=True, array_like=True):
    """``users`` is by what changed (bits of ``domain.live.Changed``); ``everyone`` and ``operators`` are such bits."""

    users: dict[int, list[int]] = {}
    """User ids ascending, each as the distance from the one before: two bytes instead of five."""
    everyone: int = 0
    operators: int = 0
    signals: list[int] = []


def notes_of(gathered: Gathering) -> Iterator[bytes]:
    """Write what changed for whom as payloads, at most ``MAX_USERS_A_NOTE`` users in each; the first one carries the rest."""
    waiting = iter(sorted(gathered.users.items()))
    first = True
    while (some := list(islice(waiting, MAX_USERS_A_NOTE))) or first:
        by_change: dict[int, list[int]] = defaultdict(list)
        for user_id, changed in some:
            by_change[changed].append(user_id)
        groups = {changed: _distances(ids) for changed, ids in by_change.items()}
        rest = (gathered.everyone, gathered.operators, sorted(gathered.signals)) if first else (0, 0, [])
        yield msgspec.msgpack.encode(Note(groups, *rest))
        first = False


def read_note(payload: bytes) -> Note | None:
    """Read one; None for what is none: whoever may NOTIFY can say anything."""
    try:
        return msgspec.msgpack.decode(payload, type=Note)
    except msgspec.MsgspecError:
        return None


def users_in(note: Note) -> Iterator[tuple[int, int]]:
    """Return each user with what changed."""
    for changed, distances in note.users.items():
        for user_id in accumulate(distances):
            yield user_id, changed


def _distances(ascending: Iterable[int]) -> list[int]:
    found: list[int] = []
    before = 0
    for number in ascending:
        found.append(number - before)
        before = number
    return found


class Gathering:
    """What changed for whom since it was last taken. Bounded, and never too little: what does not fit becomes everybody's."""

    def __init__(self) -> None:
        self.users: dict[int, int] = {}
        self.everyone = 0
        self.operators = 0
        self.signals: set[int] = set()

    def __repr__(self) -> str:
        return f"<Gathering {len(self.users)} of {MAX_USERS_GATHERED} users>"

    def __bool__(self) -> bool:
        return bool(self.users or self.everyone or self.operators)

    def add(
        self, users: Iterable[tuple[int, int]], *, everyone: int = 0, operators: int = 0, signals: Iterable[int] = ()
    ) -> None:
        """Add bits of ``domain.live.Changed`` to what is known of each user, of everybody, and of the operators."""
        waiting = self.users
        for user_id, changed in users:
            waiting[user_id] = waiting.get(user_id, 0) | changed
        self.everyone |= everyone
        if len(waiting) > MAX_USERS_GATHERED:
            for changed in waiting.values():
                self.everyone |= changed
            waiting.clear()
        self.operators |= operators
        for signal_id in signals:
            if len(self.signals) < MAX_SIGNALS_A_NOTE:
                self.signals.add(signal_id)
