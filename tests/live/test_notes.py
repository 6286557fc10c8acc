"""What engines gather and tell: bounded in number and size, complete, and never in the way of orders."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.planning.town import TAG, OneGrid, OnePrice, Town
from tests.store.queue import make_run

from marketbot.cache import live_notes
from marketbot.cache.events import MAX_NOTIFY_BYTES
from marketbot.cache.live_notes import LIVE_TOPIC, Gathering, notes_of, read_note, users_in
from marketbot.clock import SystemClock
from marketbot.domain.live import EVERYTHING, Changed, names
from marketbot.domain.order import OrderState
from marketbot.domain.side import Leg
from marketbot.planning.planner import Planner
from marketbot.store.journal import PostgresJournal
from marketbot.store.planning import PostgresPlanning
from marketbot.store.pool import open_pool
from marketbot.workers import live
from marketbot.workers.live import LiveNotes

AT = datetime(2026, 1, 2, tzinfo=UTC)
USERS = 10_000


class Published:
    """A bus that only remembers."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.said = asyncio.Event()

    async def publish(self, topic: str, payload: bytes) -> None:
        assert topic == LIVE_TOPIC
        self.payloads.append(payload)
        self.said.set()

    def subscribe(self, topics: Iterable[str]) -> object:
        raise AssertionError(topics)

    def users(self) -> dict[int, int]:
        return heard(self.payloads)


def heard(payloads: Iterable[bytes]) -> dict[int, int]:
    found: dict[int, int] = {}
    for payload in payloads:
        note = read_note(payload)
        assert note is not None
        for user_id, changed in users_in(note):
            assert user_id not in found, "a user is told of twice"
            found[user_id] = changed
    return found


async def test_a_fan_out_over_ten_thousand_accounts_is_ten_messages(database: str) -> None:
    bus = Published()
    notes = LiveNotes(bus)  # type: ignore[arg-type]
    async with await open_pool(database, name="test", size=2) as pool:
        journal = PostgresJournal(pool, tell=notes)
        journal.start()
        for account_id in range(1, USERS + 1):
            run = make_run(account_id)
            leg = run.legs[Leg.ENTRY]
            leg.move(OrderState.SUBMITTED)
            journal.order_moved(run, leg, leg.move(OrderState.FILLED), AT)
            journal.finished(run, "ordered", AT)
        await journal.durable()
        await journal.close()
        owners = {row["user_id"] for row in await pool.fetch("SELECT DISTINCT user_id FROM outcome")}
        assert await pool.fetchval("SELECT count(*) FROM order_event") == USERS
    assert bus.payloads == [], "nothing is told on the order path"
    await notes.tell()
    assert set(bus.users()) == owners
    assert set(bus.users().values()) == {int(Changed.ORDERS | Changed.SIGNALS)}
    assert len(bus.payloads) == -(-len(owners) // live_notes.MAX_USERS_A_NOTE)
    await notes.tell()
    assert len(bus.payloads) == -(-len(owners) // live_notes.MAX_USERS_A_NOTE), "and nothing when nothing happened"


async def test_users_by_the_ten_thousand_are_told_in_notes_that_fit_into_a_notification() -> None:
    bus = Published()
    notes = LiveNotes(bus)  # type: ignore[arg-type]
    ids = [n * 400_000 for n in range(1, USERS + 1)]
    for changed in (Changed.ORDERS, Changed.POSITIONS):
        notes(ids, changed, range(1, 100))
    await notes.tell()
    assert bus.users() == dict.fromkeys(ids, int(Changed.ORDERS | Changed.POSITIONS))
    assert len(bus.payloads) == USERS // live_notes.MAX_USERS_A_NOTE
    # In JSON a byte costs four thirds; beside it stand an id and the topic.
    assert max(len(payload) for payload in bus.payloads) * 4 / 3 + 100 < MAX_NOTIFY_BYTES
    first = read_note(bus.payloads[0])
    assert first is not None
    assert len(first.signals) == live_notes.MAX_SIGNALS_A_NOTE


async def test_more_users_than_are_remembered_become_everybody() -> None:
    bus = Published()
    notes = LiveNotes(bus)  # type: ignore[arg-type]
    notes(range(1, live_notes.MAX_USERS_GATHERED + 2), Changed.ORDERS)
    notes([5], Changed.POSITIONS)
    await notes.tell()
    (payload,) = bus.payloads
    note = read_note(payload)
    assert note is not None
    assert (note.everyone, dict(users_in(note))) == (int(Changed.ORDERS), {5: int(Changed.POSITIONS)})


async def test_the_first_change_is_told_at_once_and_what_follows_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TELL_EVERY_S", 3_600.0)
    bus = Published()
    notes = LiveNotes(bus)  # type: ignore[arg-type]
    telling = asyncio.create_task(notes.run())
    try:
        notes([1], Changed.ORDERS)
        async with asyncio.timeout(10):
            await bus.said.wait()
        for user_id in range(2, 50):
            notes([user_id], Changed.ORDERS)
            await asyncio.sleep(0)
        assert len(bus.payloads) == 1
        await notes.close()
        assert len(bus.payloads) == 2
        assert len(bus.users()) == 49
    finally:
        telling.cancel()


async def test_a_bus_that_fails_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TELL_EVERY_S", 0.0)
    bus = Published()
    well = bus.publish

    async def broken(_topic: str, _payload: bytes) -> None:
        bus.publish = well  # type: ignore[method-assign]
        notes([2], Changed.ORDERS)
        raise ZeroDivisionError

    bus.publish = broken  # type: ignore[method-assign]
    notes = LiveNotes(bus)  # type: ignore[arg-type]
    telling = asyncio.create_task(notes.run())
    try:
        notes([1], Changed.ORDERS)
        async with asyncio.timeout(10):
            await bus.said.wait()
        assert bus.users() == {2: int(Changed.ORDERS)}
    finally:
        telling.cancel()


async def test_a_page_that_is_planned_tells_its_followers_users_and_one_that_fails_nobody(database: str) -> None:
    told: list[tuple[set[int], Changed, list[int]]] = []

    def tell(users: Iterable[int], changed: Changed, signals: Iterable[int] = ()) -> None:
        told.append((set(users), changed, list(signals)))

    async with await open_pool(database, name="test", size=4) as pool:
        town = await Town.found(pool)
        await town.crowd(9)
        signal_id = await town.signal()
        store = PostgresPlanning(pool, TAG, tell)
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the failure is inside the page
            async with store.page(signal_id) as page:
                assert page is not None
                page.concerned.add(1)
                raise ZeroDivisionError
        assert told == []
        planner = Planner(store, OnePrice(), OneGrid(), SystemClock())
        await planner.plan_signal(signal_id)
        users = {row["user_id"] for row in await pool.fetch("SELECT DISTINCT user_id FROM intent")}
    assert users
    assert set().union(*(each[0] for each in told)) == users
    assert {(each[1], *each[2]) for each in told} == {(Changed.SIGNALS, signal_id)}


@given(
    st.dictionaries(st.integers(1, 2**63 - 1), st.integers(1, int(EVERYTHING)), max_size=60),
    st.integers(0, int(EVERYTHING)),
    st.integers(1, 20),
)
def test_what_is_gathered_is_what_is_heard(users: dict[int, int], everyone: int, a_note: int) -> None:
    gathered = Gathering()
    gathered.add(users.items(), everyone=everyone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_notes, "MAX_USERS_A_NOTE", a_note)
        payloads = list(notes_of(gathered))
    assert heard(payloads) == users
    assert len(payloads) == max(1, -(-len(users) // a_note))
    notes = [note for payload in payloads if (note := read_note(payload)) is not None]
    assert [note.everyone for note in notes] == [everyone] + [0] * (len(notes) - 1)


@pytest.mark.parametrize("said", [b"", b"nonsense", b"\x90", msgspec.msgpack.encode(["x", 1]), msgspec.msgpack.encode({"a": 1})])
def test_nonsense_is_no_note(said: bytes) -> None:
    note = read_note(said)
    assert note is None or (list(users_in(note)), note.everyone, note.operators) == ([], 0, 0)


def test_kinds_of_a_newer_version_are_passed_over() -> None:
    assert names(int(Changed.ORDERS) | 1 << 20) == ["orders"]
