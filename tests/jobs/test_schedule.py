"""Retries grow apart within bounds; what recurs is never made up for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from marketbot.jobs.schedule import RETRY_FIRST_S, RETRY_MAX_S, next_due, retry_delay_s
from marketbot.store.jobs import ATTEMPTS_DEFAULT

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(attempt=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_a_retry_waits_between_half_its_pause_and_all_of_it(attempt: int, chance: float) -> None:
    delay_s = retry_delay_s(attempt, chance)
    assert RETRY_FIRST_S / 2 <= delay_s <= RETRY_MAX_S
    assert retry_delay_s(attempt, 0.0) <= delay_s <= retry_delay_s(attempt, 1.0) == 2 * retry_delay_s(attempt, 0.0)
    assert retry_delay_s(attempt + 1, chance) >= delay_s


def test_the_last_attempt_of_a_job_is_about_ten_minutes_after_the_first() -> None:
    waited_s = sum(retry_delay_s(attempt, 1.0) for attempt in range(1, ATTEMPTS_DEFAULT))
    assert waited_s == 635.0


@given(every_s=st.integers(1, 10**6), late_s=st.integers(-(10**6), 10**8))
def test_the_next_run_is_the_first_of_its_beat_that_lies_ahead(every_s: int, late_s: int) -> None:
    every, now = timedelta(seconds=every_s), START + timedelta(seconds=late_s)
    due_at = next_due(START, every, now)
    assert (due_at - START) % every == timedelta(0)
    assert due_at > now
    assert due_at > START
    assert due_at - every <= max(now, START)
