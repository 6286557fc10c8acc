"""What a source may send, under a clock of the test's own."""

from __future__ import annotations

from marketbot.domain.buckets import Buckets
from marketbot.domain.gcra import US
from marketbot.domain.ids import SourceId
from marketbot.domain.limits import SOURCE_ADDRESSES, LimitName, strictest
from marketbot.intake.limits import source_checks

ROOM, OTHER = SourceId(1), SourceId(2)


class Door:
    """The limits of one process, in seconds."""

    def __init__(self) -> None:
        self.buckets = Buckets()
        self.refused_by: LimitName | None = None

    def take(self, source_id: SourceId, address: str, limit: int, now_s: float) -> int | None:
        checks = source_checks(source_id, address, limit)
        verdict = strictest(checks, self.buckets.take(checks, int(now_s * US)))
        self.refused_by = None if verdict.allowed else verdict.limit.name
        return None if verdict.allowed else verdict.retry_after_s


def test_three_hundred_pass_at_once_and_the_next_waits_its_twelve_seconds() -> None:
    door = Door()
    assert all(door.take(ROOM, "192.0.2.1", 300, 10.0) is None for _ in range(300))
    assert door.take(ROOM, "192.0.2.1", 300, 10.0) == 12
    assert door.take(ROOM, "192.0.2.1", 300, 21.9) is not None
    assert door.take(ROOM, "192.0.2.1", 300, 22.0) is None
    assert door.take(ROOM, "192.0.2.1", 300, 22.0) is not None


def test_addresses_and_sources_are_counted_apart() -> None:
    door = Door()
    assert door.take(ROOM, "192.0.2.1", 1, 0.0) is None
    assert door.take(ROOM, "192.0.2.1", 1, 0.0) is not None
    assert door.take(ROOM, "192.0.2.2", 1, 0.0) is None
    assert door.take(OTHER, "192.0.2.1", 1, 0.0) is None
    # One sender has a whole IPv6 /64.
    assert door.take(ROOM, "2001:db8::1", 1, 0.0) is None
    assert door.take(ROOM, "2001:db8::2", 1, 0.0) is not None


def test_many_addresses_do_not_multiply_a_source_without_end() -> None:
    door = Door()
    passed = [door.take(ROOM, f"192.0.2.{n}", 1, 0.0) is None for n in range(SOURCE_ADDRESSES + 1)]
    assert passed == [True] * SOURCE_ADDRESSES + [False]
    assert door.refused_by is LimitName.SOURCE


def test_what_one_limit_refuses_is_not_taken_from_the_other() -> None:
    door = Door()
    for _ in range(SOURCE_ADDRESSES * 2):
        door.take(ROOM, "192.0.2.1", 1, 0.0)
    assert door.take(ROOM, "192.0.2.2", 1, 0.0) is None
