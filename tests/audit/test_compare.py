"""Each defect, planted in books that agree, is found, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.audit import audit
from marketbot.audit.records import HoldingRow, IntentRow, OrderRow, read_order_name
from marketbot.audit.report import FindingKind
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg

from .agreeing_books import TAG, Books, agreeing, entry, name

Plant = Callable[[Books], Books]


def _drop_order_at_venue(books: Books) -> Books:
    gone = name(1, 1, Leg.ENTRY)
    return books.with_venue(entries=tuple(e for e in books.venue.entries if e.client_order_id != gone))


def _drop_protective_order_at_venue(books: Books) -> Books:
    gone = name(1, 2, Leg.STOP_LOSS)
    return books.with_venue(entries=tuple(e for e in books.venue.entries if e.client_order_id != gone))


def _forget_order(books: Books) -> Books:
    return books.with_ours(orders=tuple(o for o in books.ours.orders if o.client_order_id != name(1, 1, Leg.ENTRY)))


def _call_it_rejected(books: Books) -> Books:
    changed = tuple(
        replace(order, state=OrderState.REJECTED) if order.client_order_id == name(1, 1, Leg.ENTRY) else order
        for order in books.ours.orders
    )
    return books.with_ours(orders=changed)


def _same_id_twice(books: Books) -> Books:
    return books.with_venue(entries=(*books.venue.entries, entry(name(1, 2, Leg.ENTRY), 2, order_id=99)))


def _second_entry(books: Books) -> Books:
    again = name(1, 2, Leg.ENTRY, 1)
    row = OrderRow(1, 2, Leg.ENTRY, again, OrderState.FILLED, "binance")
    return books.with_venue(entries=(*books.venue.entries, entry(again, 2, order_id=99))).with_ours(
        orders=(*books.ours.orders, row)
    )


def _unconfirmed(books: Books) -> Books:
    changed = tuple(
        replace(order, state=OrderState.UNCONFIRMED) if order.client_order_id == name(1, 1, Leg.ENTRY) else order
        for order in books.ours.orders
    )
    return books.with_ours(orders=changed)


def _naked(books: Books) -> Books:
    first, *rest = books.venue.episodes
    return books.with_venue(episodes=(replace(first, protected_now=False), *rest))


def _long_unprotected(books: Books) -> Books:
    *rest, last = books.venue.episodes
    return books.with_venue(episodes=(*rest, replace(last, is_open=False, protected_now=False, unprotected_s=60.0)))


def _foreign(books: Books) -> Books:
    return books.with_venue(entries=(*books.venue.entries, entry("somebody-elses", 1, order_id=99)))


def _other_quantity(books: Books) -> Books:
    first, *rest = books.ours.holdings
    return books.with_ours(holdings=(replace(first, qty=Decimal("0.5")), *rest))


def _closed_unnoticed(books: Books) -> Books:
    return books.with_ours(holdings=(*books.ours.holdings, HoldingRow(1, "ETHUSDT", "short", Decimal(1), "protected")))


def _orphan(books: Books) -> Books:
    stop = replace(entry(name(1, 1, Leg.STOP_LOSS, 1), 1, kind="stop", order_id=99), symbol="ETHUSDT")
    row = OrderRow(1, 1, Leg.STOP_LOSS, stop.client_order_id, OrderState.ACCEPTED, "binance")
    return books.with_venue(entries=(*books.venue.entries, stop)).with_ours(orders=(*books.ours.orders, row))


def _unplanned(books: Books) -> Books:
    return books.with_ours(unplanned=((1, 77),))


def _unfinished(books: Books) -> Books:
    return books.with_ours(intents=(*books.ours.intents, IntentRow(1, 88, 1, None, None, None)))


DEFECTS: dict[str, tuple[Plant, FindingKind, bool]] = {
    "entry missing at the venue": (_drop_order_at_venue, FindingKind.MISSING_AT_VENUE, True),
    "stop missing at the venue": (_drop_protective_order_at_venue, FindingKind.MISSING_AT_VENUE, True),
    "order without a row": (_forget_order, FindingKind.UNRECORDED, True),
    "accepted called rejected": (_call_it_rejected, FindingKind.UNRECORDED, True),
    "one id twice": (_same_id_twice, FindingKind.DOUBLED, False),
    "two entries": (_second_entry, FindingKind.DOUBLED, False),
    "unconfirmed": (_unconfirmed, FindingKind.UNCONFIRMED, False),
    "naked": (_naked, FindingKind.NAKED, False),
    "long unprotected": (_long_unprotected, FindingKind.LONG_UNPROTECTED, False),
    "foreign": (_foreign, FindingKind.FOREIGN, False),
    "other quantity": (_other_quantity, FindingKind.MISMATCHED, False),
    "closed unnoticed": (_closed_unnoticed, FindingKind.MISMATCHED, False),
    "orphan": (_orphan, FindingKind.ORPHANED, False),
    "no decision": (_unplanned, FindingKind.UNPLANNED, True),
    "no outcome": (_unfinished, FindingKind.UNFINISHED, True),
}


def test_books_that_agree_are_clean() -> None:
    books = agreeing()
    found = audit(books.venue, books.ours)
    assert found.clean
    assert (found.planned, found.ordered, found.denied, found.lost) == (4, 3, {"ACCOUNT_PAUSED": 1}, 0)
    assert found.unprotected_s_max == pytest.approx(0.03)
    assert found.latency_ms["received_to_claimed"]["p50"] == 20
    assert found.latency_ms["acked_to_protected"]["p99"] == 30
    assert found.findings == ()


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found_and_no_other(defect: str) -> None:
    plant, kind, lost = DEFECTS[defect]
    books = plant(agreeing())
    found = audit(books.venue, books.ours)
    assert not found.clean
    assert {finding.kind for finding in found.findings} == {kind}
    assert found.counts[kind] == 1
    assert found.lost == (1 if lost else 0)
    document = found.document()
    assert document["clean"] is False
    assert document["lost"] == found.lost


@given(accounts=st.integers(1, 12), denied=st.integers(0, 5), defects=st.sets(st.sampled_from(sorted(DEFECTS)), min_size=1))
def test_every_planted_defect_is_found_among_others(accounts: int, denied: int, defects: set[str]) -> None:
    books = agreeing(max(2, accounts), denied)
    plain = audit(books.venue, books.ours)
    assert plain.clean
    assert plain.planned == plain.ordered + sum(plain.denied.values())
    # Those that speak about the same order would hide each other.
    about_first_entry = {"entry missing at the venue", "order without a row", "accepted called rejected", "unconfirmed"}
    chosen = sorted(defects - about_first_entry) + sorted(defects & about_first_entry)[:1]
    for defect in chosen:
        books = DEFECTS[defect][0](books)
    found = audit(books.venue, books.ours)
    for defect in chosen:
        assert found.counts[DEFECTS[defect][1]] >= 1, defect
    assert not found.clean


def test_a_bybit_leg_without_an_id_of_its_own_is_not_missed() -> None:
    books = agreeing(1, 0)
    entries = tuple(replace(e, venue="bybit", client_order_id=name(1, 1, Leg.ENTRY)) for e in books.venue.entries)
    orders = tuple(replace(o, venue="bybit") for o in books.ours.orders)
    found = audit(replace(books.venue, entries=entries), replace(books.ours, orders=orders))
    assert found.clean


def test_a_cancelled_stop_is_no_orphan() -> None:
    books = agreeing(1, 0)
    ended = [
        entry(name(1, 1, leg), 1, event="canceled", kind=kind, order_id=number)
        for number, (leg, kind) in ((11, (Leg.STOP_LOSS, "stop")), (12, (Leg.TAKE_PROFIT, "target")))
    ]
    closed = tuple(replace(episode, is_open=False, protected_now=False) for episode in books.venue.episodes)
    empty = replace(books.venue, entries=(*books.venue.entries, *ended), holdings=(), episodes=closed)
    assert audit(empty, replace(books.ours, holdings=())).clean
    resting = replace(books.venue, holdings=(), episodes=closed)
    assert audit(resting, replace(books.ours, holdings=())).counts[FindingKind.ORPHANED] == 2


def test_findings_are_bounded_and_counts_are_not() -> None:
    books = agreeing().with_ours(unplanned=tuple((1, number) for number in range(100, 200)))
    found = audit(books.venue, books.ours)
    assert found.counts[FindingKind.UNPLANNED] == found.lost == 100
    assert len(found.findings) == 20


@given(
    signal=st.integers(1, 36**8 - 1),
    account=st.integers(1, 36**6 - 1),
    leg=st.sampled_from(list(Leg)),
    attempt=st.integers(0, 35),
)
def test_an_order_name_is_read_as_it_was_written(signal: int, account: int, leg: Leg, attempt: int) -> None:
    read = read_order_name(name(signal, account, leg, attempt), TAG)
    assert read is not None
    assert (read.signal_id, read.account_id, read.leg, read.attempt) == (signal, account, leg, attempt)


@pytest.mark.parametrize(
    "text", ["", "mbabc123", "web_123", name(1, 1, Leg.ENTRY)[:-1], name(1, 1, Leg.ENTRY).replace(TAG, "zzz999")]
)
def test_a_strangers_order_name_is_not_read(text: str) -> None:
    assert read_order_name(text, TAG) is None
