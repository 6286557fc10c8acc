"""Which backups stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from marketbot.backup.retention import Retention, kept

START = datetime(2026, 1, 1, tzinfo=UTC)
MADE = st.sets(st.integers(0, 200 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)), max_size=120)
RULES = st.builds(Retention, st.integers(1, 10), st.integers(0, 6), st.integers(1, 4))


@given(MADE, RULES)
def test_what_stays_was_there_and_is_no_more_than_the_bound(made: set[datetime], rule: Retention) -> None:
    stay = kept(made, rule)
    assert stay <= made
    assert len(stay) <= rule.kept_max


@given(MADE, RULES)
def test_the_latest_always_stay(made: set[datetime], rule: Retention) -> None:
    assert set(sorted(made)[-rule.latest :]) <= kept(made, rule)


@given(MADE, RULES)
def test_pruning_twice_is_pruning_once(made: set[datetime], rule: Retention) -> None:
    once = kept(made, rule)
    assert kept(once, rule) == once


@given(MADE, RULES, st.integers(1, 30 * 24 * 60))
def test_what_has_gone_never_comes_back(made: set[datetime], rule: Retention, later_min: int) -> None:
    newer = max(made, default=START) + timedelta(minutes=later_min)
    assert kept({*made, newer}, rule) <= {*kept(made, rule), newer}


@given(MADE, RULES)
def test_each_of_the_last_days_keeps_its_newest(made: set[datetime], rule: Retention) -> None:
    stay = kept(made, rule)
    for day in sorted({at.date() for at in made})[-rule.daily :]:
        assert max(at for at in made if at.date() == day) in stay


def test_hourly_backups_of_a_month_leave_a_week_of_days_and_a_month_of_weeks() -> None:
    made = [START + timedelta(hours=hour) for hour in range(31 * 24)]
    stay = sorted(kept(made, Retention(daily=7, weekly=4, latest=3)))
    last = made[-1]
    days = [last - timedelta(days=day) for day in range(7)]
    assert set(days) | {last - timedelta(hours=1), last - timedelta(hours=2)} <= set(stay)
    assert len(stay) == 7 + 2 + 2  # the two latest weeks' newest are among the days
