"""Places in the log: tokens, own writes in bounded memory, and lag in seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.store.wal_position import OwnWrites, PrimaryLog, position_token, read_token

POSITIONS = st.integers(0, 2**64 - 1)


@given(POSITIONS)
def test_a_token_names_its_place(position: int) -> None:
    assert read_token(position_token(position)) == position


@pytest.mark.parametrize("token", ["", "/", "0/", "1", "g/1", "0/1/2", "-1/0", "0x1/0", "123456789/0", "0/1\n", "a/b", "٣/1"])
def test_rubbish_is_no_token(token: str) -> None:
    assert read_token(token) is None


@given(st.lists(st.tuples(st.integers(1, 9), POSITIONS), max_size=60), st.integers(1, 4))
def test_no_user_is_ever_shown_what_was_before_their_write(writes: list[tuple[int, int]], users_max: int) -> None:
    own = OwnWrites(users_max)
    truth: dict[int, int] = {}
    for user_id, position in writes:
        own.note(user_id, position)
        truth[user_id] = max(position, truth.get(user_id, 0))
        assert len(own._positions) <= users_max
        assert all(own.of(each) >= truth[each] for each in truth)
    assert own.of(None) == 0


def test_whoever_is_remembered_is_not_held_up_by_others() -> None:
    own = OwnWrites()
    own.note(1, 100)
    own.note(2, 900)
    assert (own.of(1), own.of(2), own.of(3)) == (100, 900, 0)


def test_lag_is_how_long_the_primary_has_had_what_the_replica_lacks() -> None:
    log = PrimaryLog()
    assert log.lag_s(0.0, 10**9) == float("inf")  # nobody has looked yet
    log.note(1.0, 100)
    assert log.lag_s(1.1, 100) == 0.0
    assert log.lag_s(1.1, 99) == float("inf")  # behind, since before we came
    log.note(2.0, 200)
    log.note(3.0, 300)
    assert log.lag_s(3.5, 300) == 0.0
    assert log.lag_s(3.5, 250) == pytest.approx(1.5)
    assert log.lag_s(3.5, 150) == pytest.approx(2.5)


def test_an_idle_primary_makes_nobody_late() -> None:
    log = PrimaryLog(samples_max=4)
    for second in range(100):
        log.note(float(second), 100)
    assert log.lag_s(100.0, 100) == 0.0
    log.note(100.0, 200)
    assert log.lag_s(100.5, 100) == pytest.approx(1.5)  # the look before the write counts: it came after that
    assert log.age_s(100.5) == pytest.approx(0.5)
