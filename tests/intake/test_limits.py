"""How many signals an hour pass, under a clock of the test's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.ids import SourceId
from marketbot.intake.limits import MAX_REMEMBERED, WINDOW_S, SourceLimits

ROOM, OTHER = SourceId(1), SourceId(2)


def test_three_hundred_pass_and_the_next_waits() -> None:
    limits = SourceLimits()
    assert all(limits.take(ROOM, "192.0.2.1", 300, 10.0 + n) is None for n in range(300))
    wait_s = limits.take(ROOM, "192.0.2.1", 300, 400.0)
    assert wait_s is not None
    assert limits.take(ROOM, "192.0.2.1", 300, 400.0 + wait_s - 2) is not None
    assert limits.take(ROOM, "192.0.2.1", 300, 400.0 + wait_s) is None


def test_addresses_and_sources_are_counted_apart() -> None:
    limits = SourceLimits()
    assert limits.take(ROOM, "192.0.2.1", 1, 0.0) is None
    assert limits.take(ROOM, "192.0.2.1", 1, 0.0) is not None
    assert limits.take(ROOM, "192.0.2.2", 1, 0.0) is None
    assert limits.take(OTHER, "192.0.2.1", 1, 0.0) is None
    # One sender has a whole IPv6 /64.
    assert limits.take(ROOM, "2001:db8::1", 1, 0.0) is None
    assert limits.take(ROOM, "2001:db8::2", 1, 0.0) is not None


def test_what_is_remembered_is_bounded() -> None:
    limits = SourceLimits()
    for number in range(MAX_REMEMBERED + 10):
        limits.take(ROOM, f"address {number}", 1, 0.0)
    assert f"{MAX_REMEMBERED} of {MAX_REMEMBERED}" in repr(limits)


@given(st.lists(st.floats(0, 600), max_size=200), st.integers(1, 20))
def test_what_passes_and_how_long_the_rest_waits(gaps: list[float], limit: int) -> None:
    limits, now_s = SourceLimits(), 0.0
    passed: list[float] = []
    for gap in gaps:
        now_s += gap
        wait_s = limits.take(ROOM, "a", limit, now_s)
        if wait_s is None:
            passed.append(now_s)
        else:
            assert 1 <= wait_s <= 2 * WINDOW_S
    for hour in range(int(now_s // WINDOW_S) + 1):
        assert sum(hour * WINDOW_S <= at < (hour + 1) * WINDOW_S for at in passed) <= limit
