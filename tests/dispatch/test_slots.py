"""Which lane may claim how much: strict lanes, bounds that hold, practice accounts that are never shut out."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from marketbot.dispatch.slots import (
    CHUNK_ACCOUNTS,
    ENTRIES_MAX,
    MARKET_MAX,
    RISK_REDUCING_MAX,
    TESTNET_KEPT,
    Slots,
    claims,
)
from marketbot.domain.lane import Lane
from marketbot.domain.venue import BINANCE, BYBIT, Environment, Market

chunks = st.fixed_dictionaries({lane: st.integers(0, 40) for lane in Lane})
in_flight = st.fixed_dictionaries(
    {
        Lane.RISK_REDUCING: st.integers(0, RISK_REDUCING_MAX),
        Lane.MAINNET: st.integers(0, ENTRIES_MAX),
        Lane.TESTNET: st.integers(0, ENTRIES_MAX),
    }
)
A_CHUNK_TOO_MANY = CHUNK_ACCOUNTS - 1
"""Room for a part of a chunk is given as a whole one: otherwise the last places would stay empty for ever."""


@given(in_flight, chunks)
def test_lanes_are_asked_in_their_order_and_only_where_something_waits(busy: dict[Lane, int], waiting: dict[Lane, int]) -> None:
    asked = list(claims(busy, waiting))
    assert [lane for lane, _ in asked] == sorted({lane for lane, _ in asked})
    assert all(waiting[lane] > 0 and number > 0 for lane, number in asked)


@given(in_flight, chunks)
def test_no_bound_is_passed_by_more_than_a_part_of_a_chunk(busy: dict[Lane, int], waiting: dict[Lane, int]) -> None:
    asked = Counter({lane: min(number, waiting[lane]) * CHUNK_ACCOUNTS for lane, number in claims(busy, waiting)})
    if asked[Lane.RISK_REDUCING]:
        assert busy[Lane.RISK_REDUCING] + asked[Lane.RISK_REDUCING] <= RISK_REDUCING_MAX + A_CHUNK_TOO_MANY
    entries = asked[Lane.MAINNET] + asked[Lane.TESTNET]
    if entries:
        # Practice's kept share may stand above the bound for the moment in which real money holds what it borrowed.
        allowed = max(ENTRIES_MAX, busy[Lane.MAINNET] + busy[Lane.TESTNET] + TESTNET_KEPT)
        assert busy[Lane.MAINNET] + busy[Lane.TESTNET] + entries <= allowed + 2 * A_CHUNK_TOO_MANY


@given(in_flight, chunks)
def test_entries_take_nothing_from_what_reduces_risk(busy: dict[Lane, int], waiting: dict[Lane, int]) -> None:
    for_risk = [number for lane, number in claims(busy, waiting) if lane is Lane.RISK_REDUCING]
    without_entries = {**busy, Lane.MAINNET: 0, Lane.TESTNET: 0}
    assert for_risk == [number for lane, number in claims(without_entries, waiting) if lane is Lane.RISK_REDUCING]
    assert bool(for_risk) == (waiting[Lane.RISK_REDUCING] > 0 and busy[Lane.RISK_REDUCING] < RISK_REDUCING_MAX)


@given(in_flight, chunks)
def test_practice_with_less_than_its_share_may_always_claim(busy: dict[Lane, int], waiting: dict[Lane, int]) -> None:
    lanes = [lane for lane, _ in claims(busy, waiting)]
    if waiting[Lane.TESTNET] and busy[Lane.TESTNET] < TESTNET_KEPT:
        assert Lane.TESTNET in lanes


@given(st.integers(0, ENTRIES_MAX - 1), st.integers(1, 40))
def test_real_money_may_use_all_the_room_when_nobody_practises(busy: int, waiting: int) -> None:
    [(lane, number)] = claims({Lane.MAINNET: busy}, {Lane.MAINNET: waiting})
    assert lane is Lane.MAINNET
    assert number == min(max(1, (ENTRIES_MAX - busy) // CHUNK_ACCOUNTS), waiting)


@given(st.integers(ENTRIES_MAX, ENTRIES_MAX * 2), st.integers(1, 40))
def test_a_full_house_claims_no_more_entries(busy: int, waiting: int) -> None:
    assert list(claims({Lane.MAINNET: busy}, {Lane.MAINNET: waiting})) == []


taken = st.lists(
    st.tuples(
        st.sampled_from(Lane),
        st.builds(Market, st.sampled_from([BINANCE, BYBIT]), st.sampled_from(Environment)),
        st.integers(1, CHUNK_ACCOUNTS),
    ),
    max_size=30,
)


@given(taken)
def test_a_market_is_full_by_its_entries_alone_and_empty_once_all_are_answered(took: list[tuple[Lane, Market, int]]) -> None:
    slots = Slots()
    for lane, market, accounts in took:
        slots.take(lane, market, accounts)
    entries: Counter[Market] = Counter()
    for lane, market, accounts in took:
        entries[market] += accounts if lane is not Lane.RISK_REDUCING else 0
    assert set(slots.full_markets()) == {market for market, accounts in entries.items() if accounts >= MARKET_MAX}
    for lane, market, accounts in took:
        for _ in range(accounts):
            slots.free(lane, market)
    assert slots.full_markets() == []
    assert not any(slots.by_lane.values())
