"""Which notices go now and which wait: nothing is lost, nothing comes too often, and a digest comes once a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from marketbot.domain.notice import Notice
from marketbot.domain.notice_pace import CHANNEL_MESSAGES, INFO_DIGEST, MAX_DIGEST_ITEMS, WARNING_DIGEST, Waiting, pace

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def waiting(count: int, notice: Notice, *, due_at: datetime = NOW, held: bool = False, first: int = 1) -> list[Waiting]:
    return [Waiting(n, notice, due_at, held) for n in range(first, first + count)]


def test_warnings_go_by_themselves_until_there_are_too_many() -> None:
    paced = pace(waiting(8, Notice.TRADING_STOPPED), 0, NOW)
    assert paced.messages == ((1,), (2,), (3,), (4,), (5,))
    assert paced.held == tuple((n, NOW + WARNING_DIGEST) for n in (6, 7, 8))
    again = pace(waiting(1, Notice.TRADING_STOPPED, first=9), paced.tat_us, NOW)
    assert (again.messages, len(again.held)) == ((), 1)
    later = pace(waiting(1, Notice.TRADING_STOPPED, first=9), paced.tat_us, NOW + timedelta(seconds=12))
    assert later.messages == ((9,),)


def test_what_is_no_warning_waits_for_a_digest_but_a_summary_does_not() -> None:
    paced = pace([*waiting(2, Notice.POSITION_CLOSED), *waiting(1, Notice.DAILY_SUMMARY, first=3)], 0, NOW)
    assert paced.messages == ((3,),)
    assert paced.held == ((1, NOW + INFO_DIGEST), (2, NOW + INFO_DIGEST))


def test_what_is_held_and_not_due_is_left_alone() -> None:
    paced = pace(waiting(3, Notice.POSITION_CLOSED, due_at=NOW + timedelta(seconds=1), held=True), 0, NOW)
    assert (paced.messages, paced.held) == ((), ())


def test_a_digest_takes_along_all_that_waits_and_comes_however_much_was_said() -> None:
    exhausted = pace(waiting(5, Notice.TRADING_STOPPED), 0, NOW).tat_us
    items = [
        *waiting(1, Notice.POSITION_CLOSED, held=True),
        *waiting(2, Notice.TRADING_STOPPED, due_at=NOW + timedelta(seconds=30), held=True, first=2),
        *waiting(1, Notice.ENTRY_NOT_MADE, first=4),
    ]
    paced = pace(items, exhausted, NOW)
    assert (paced.messages, paced.held) == (((1, 2, 3, 4),), ())
    assert paced.tat_us >= exhausted


def test_a_digest_is_bounded_and_the_rest_goes_with_the_next() -> None:
    items = waiting(MAX_DIGEST_ITEMS + 7, Notice.POSITION_CLOSED, held=True)
    (first,) = pace(items, 0, NOW).messages
    assert len(first) == MAX_DIGEST_ITEMS
    (second,) = pace(items[MAX_DIGEST_ITEMS:], 0, NOW).messages
    assert {*first, *second} == {item.item_id for item in items}


def test_an_hour_of_a_flood_is_told_whole_in_few_messages() -> None:
    """Ten warnings every five seconds, looked at every five seconds, as the round does."""
    told: set[int] = set()
    open_items: list[Waiting] = []
    messages = tat_us = number = 0
    now = NOW
    while now < NOW + timedelta(hours=1) or open_items:
        if now < NOW + timedelta(hours=1):
            open_items += waiting(10, Notice.ACCOUNT_QUARANTINED, due_at=now, first=number)
            number += 10
        paced = pace(open_items, tat_us, now)
        tat_us, messages = paced.tat_us, messages + len(paced.messages)
        gone = {item_id for message in paced.messages for item_id in message}
        due = dict(paced.held)
        told |= gone
        open_items = [
            Waiting(each.item_id, each.notice, due.get(each.item_id, each.due_at), each.held or each.item_id in due)
            for each in open_items
            if each.item_id not in gone
        ]
        now += timedelta(seconds=5)
    assert told == set(range(number))
    most = CHANNEL_MESSAGES.burst + 3_700 * 1_000_000 // CHANNEL_MESSAGES.interval_us + 3_700 // 60
    assert messages <= most
