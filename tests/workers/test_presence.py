"""Who lives and who owns: workers over one real database, each with sessions of its own, none with a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import asyncpg
import pytest
from tests.store.queue import make_accounts, make_chunk, make_signal

from marketbot.dispatch.ownership import NOBODY, SLOTS_PER_EGRESS, SlotMap, Word, part_spent, told_spent
from marketbot.domain.ids import AccountId
from marketbot.domain.lane import Lane
from marketbot.store import chunks
from marketbot.store.pool import Pool, connect, open_pool
from marketbot.store.workers import Process, WorkerEndedError, ensure_alive
from marketbot.workers.ownership import Ownership
from marketbot.workers.presence import LEASE_S, Presence
from marketbot.workers.process import is_gone, this_process

ALL = SLOTS_PER_EGRESS
HALF = SLOTS_PER_EGRESS // 2


@dataclass
class Hands:
    """A stand-in for what an executor has in hand."""

    at_work: set[int] = field(default_factory=set)
    known: dict[int, list[AccountId]] = field(default_factory=dict)
    told: list[AccountId] = field(default_factory=list)
    overspent: dict[str, list[int]] = field(default_factory=dict)
    spent: dict[str, dict[int, int]] = field(default_factory=dict)

    def slots_at_work(self) -> set[int]:
        return self.at_work

    def ensured_in(self, slots: Collection[int]) -> Iterable[tuple[int, Collection[AccountId]]]:
        return [(slot, self.known.pop(slot)) for slot in slots if slot in self.known]

    def overspent_in(self, slots: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        return part_spent(self.overspent, slots)

    def taken(self, slots: Collection[int], words: Sequence[Word]) -> None:
        self.told.extend(account_id for word in words for account_id in word.ensured)
        self.spent = told_spent(words, slots)

    def changed(self) -> None:
        return


@dataclass
class Life:
    """A clock that a test moves."""

    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Member:
    presence: Presence
    hands: Hands
    life: Life
    pool: Pool

    @property
    def worker(self) -> int:
        return self.presence.worker

    @property
    def held(self) -> int:
        return len(self.presence.ownership.slots())

    async def cut_off(self) -> None:
        """End every session at once, as a kill does."""
        assert self.presence._connection is not None
        self.presence._connection.terminate()
        self.pool.terminate()


@asynccontextmanager
async def joined(dsn: str, process: Process | None = None) -> AsyncIterator[Member]:
    """Enlist an executor, with a place that no process of this machine is at: death shows in its sessions alone."""
    process = process or replace(this_process(("executor",), (0,)), place="elsewhere")
    life, hands, ownership = Life(), Hands(), Ownership()

    async def admit(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        if ownership.worker:
            await ensure_alive(connection, ownership.worker)

    pool = await open_pool(dsn, name=f"engine {process.instance}", size=1, admit=admit)
    presence = Presence(dsn, pool, process, ownership, life_clock=life)
    presence.work = hands
    await presence.enlist()
    try:
        yield Member(presence, hands, life, pool)
    finally:
        await presence.close()
        pool.terminate()


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await connect(database, name="test")
    yield opened
    await opened.close()


async def rounds(*members: Member, count: int = 3) -> None:
    for _ in range(count):
        for each in members:
            await each.presence.go_round()


async def until_dead(watcher: Member, other: int) -> None:
    """Go round until the server has noticed that the other's sessions are gone."""
    async with asyncio.timeout(10):
        while other in watcher.presence.ownership.map.owners:
            await watcher.presence.go_round()


async def test_the_first_owns_everything_and_the_second_gets_half_of_what_is_idle(database: str) -> None:
    async with joined(database) as anna, joined(database) as bruno:
        assert (anna.held, bruno.held) == (ALL, 0)
        leaving = set(range(ALL))
        anna.hands.at_work = leaving
        await rounds(anna, bruno)
        assert (anna.held, bruno.held) == (ALL, 0), "what is in hand is not handed over"
        leaving = set(anna.presence.ownership.map.leaving(anna.worker))
        assert len(leaving) == HALF
        busy = min(leaving)
        anna.hands.at_work = {busy}
        await rounds(anna, bruno)
        assert (anna.held, bruno.held) == (HALF + 1, HALF - 1)
        anna.hands.at_work = set()
        await rounds(anna, bruno)
        assert (anna.held, bruno.held) == (HALF, HALF)
        assert not set(anna.presence.ownership.slots()) & set(bruno.presence.ownership.slots())


async def test_what_is_known_of_accounts_is_handed_over_with_them_and_once_only(database: str) -> None:
    async with joined(database) as anna:
        anna.hands.known = {slot: [AccountId(slot), AccountId(slot + ALL)] for slot in range(ALL)}
        async with joined(database) as bruno:
            await rounds(anna, bruno)
            theirs = set(bruno.presence.ownership.slots())
            assert sorted(bruno.hands.told) == sorted(number for slot in theirs for number in (slot, slot + ALL))
            assert set(anna.hands.known) == set(range(ALL)) - theirs
        await rounds(anna)
        assert anna.hands.told == [], "what Bruno did meanwhile, he did not tell"


async def test_what_was_spent_is_told_with_the_slots_and_of_one_that_dies_nobody_knows(database: str) -> None:
    async with joined(database) as anna:
        anna.hands.overspent = {"bybit/mainnet": [HALF + 1], "binance/mainnet": [0]}
        async with joined(database) as bruno:
            await rounds(anna, bruno)
            assert bruno.held == HALF
            # A part for each slot, rounded up: all of them together are never too little.
            assert bruno.hands.spent == {"bybit/mainnet": {0: 2 * HALF}, "binance/mainnet": {0: 0}}
            bruno.hands.spent = {}
            gone = anna.worker
            await anna.cut_off()
            await until_dead(bruno, gone)
            assert (bruno.held, bruno.hands.spent) == (ALL, {})


def test_an_address_is_known_only_where_every_slot_came_with_a_word() -> None:
    words = [Word(0, (), {"a": 3, "b": 1}), Word(1, (), {"a": 4}), Word(ALL, (), {"a": 5}), Word(2 * ALL)]
    assert told_spent(words, {0, 1, ALL, 2 * ALL}) == {"a": {0: 7, 1: 5}}
    assert told_spent(words, {0, ALL + 1}) == {"a": {0: 3}, "b": {0: 1}}
    assert told_spent([], {0}) == {}
    assert part_spent({"a": [7]}, {0, 1, ALL}) == {0: {"a": 4}, 1: {"a": 4}, ALL: {}}


async def test_one_that_ends_gives_everything_back_at_once(database: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    async with joined(database) as anna:
        async with joined(database) as bruno:
            await rounds(anna, bruno)
            chunk_id = await make_chunk(connection, await make_signal(connection))
            await connection.execute("UPDATE chunk SET for_worker = $1", bruno.worker)
            await chunks.claim(bruno.pool, bruno.worker, Lane.MAINNET, full=[], limit=1)
        await rounds(anna, count=1)
        assert anna.held == ALL
        row = await connection.fetchrow("SELECT claimed_by, for_worker, attempts FROM chunk WHERE chunk_id = $1", chunk_id)
        assert row is not None
        assert tuple(row) == (None, bruno.worker, 1)
        assert await chunks.waiting(anna.pool, anna.worker) == {Lane.MAINNET: 1}, "meant for one who is gone, it is anybody's"


async def test_a_killed_one_is_taken_over_when_its_sessions_are_gone(
    database: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with joined(database) as anna, joined(database) as bruno:
        await rounds(anna, bruno)
        await make_chunk(connection, await make_signal(connection))
        await chunks.claim(bruno.pool, bruno.worker, Lane.MAINNET, full=[], limit=1)
        await bruno.cut_off()
        await until_dead(anna, bruno.worker)
        assert anna.held == ALL
        [again] = await chunks.claim(anna.pool, anna.worker, Lane.MAINNET, full=[], limit=1)
        assert again.attempts == 2
        with pytest.raises(WorkerEndedError):
            await bruno.presence.enlist()


async def test_a_process_of_this_machine_that_has_ended_is_known_to_be_dead_whatever_its_sessions_look_like(
    database: str,
) -> None:
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    async with joined(database) as anna:
        dead = replace(this_process(("executor",), (0,)), pid=gone.pid, started="1")
        assert is_gone(dead.place, dead.pid, dead.started)
        async with joined(database, dead) as bruno:
            await rounds(anna, count=1)
            assert anna.held == ALL
            with pytest.raises((WorkerEndedError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
                await bruno.presence.go_round()


async def test_this_process_and_one_that_cannot_be_looked_at_are_not_called_dead() -> None:
    me = this_process(("executor",), (0,))
    assert not is_gone(me.place, me.pid, me.started)
    assert not is_gone("another machine", 1, "1")
    assert not is_gone("", 1, "1")


async def test_a_silent_one_is_believed_alive_until_its_lease_is_over_and_can_write_nothing_after(
    database: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with joined(database) as anna, joined(database) as bruno:
        await rounds(anna, bruno)
        assert bruno.presence.holds_lease
        anna.life.now_s += LEASE_S - 0.1
        await rounds(anna, count=1)
        assert anna.held == HALF
        bruno.life.now_s += LEASE_S - 0.1
        assert not bruno.presence.holds_lease, "it stops before anybody may take over"

        anna.life.now_s += 0.2
        await rounds(anna, count=1)
        assert anna.held == ALL
        for _ in range(2):  # neither by the session it has, nor by a new one
            with pytest.raises((WorkerEndedError, asyncpg.PostgresConnectionError)):
                await bruno.pool.fetchval("SELECT 1")
        with pytest.raises(WorkerEndedError):
            await ensure_alive(connection, bruno.worker)
        with pytest.raises(WorkerEndedError):
            await bruno.presence.enlist()


async def test_a_sign_of_life_begins_the_lease_anew(database: str) -> None:
    async with joined(database) as anna, joined(database) as bruno:
        await rounds(anna, bruno)
        for _ in range(3):
            anna.life.now_s += LEASE_S - 1.0
            bruno.life.now_s += LEASE_S - 1.0
            await rounds(bruno, anna, count=1)
        assert (anna.held, bruno.held) == (HALF, HALF)
        assert bruno.presence.holds_lease


async def test_one_whose_session_broke_stops_at_once_and_goes_on_under_its_number(
    database: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with joined(database) as anna:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1",
            f"marketbot presence {anna.presence.process.instance}",
        )
        async with asyncio.timeout(10):
            while anna.presence.holds_lease:  # noqa: ASYNC110 - the driver hears of it
                await asyncio.sleep(0.01)
        number = anna.worker
        await anna.presence.enlist()
        assert (anna.worker, anna.held) == (number, ALL)
        assert anna.presence.holds_lease


async def test_one_that_drains_hands_over_what_is_idle_and_its_queue_goes_to_the_others(
    database: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with joined(database) as anna, joined(database) as bruno:
        await rounds(anna, bruno)
        await make_chunk(connection, await make_signal(connection))
        await connection.execute("UPDATE chunk SET for_worker = $1", bruno.worker)
        busy = bruno.presence.ownership.slots()[0]
        bruno.hands.at_work = {busy}
        bruno.presence.drain()
        await rounds(anna, bruno)
        assert bruno.presence.ownership.slots() == (busy,)
        assert await chunks.waiting(anna.pool, anna.worker) == {Lane.MAINNET: 1}
        bruno.hands.at_work = set()
        await rounds(bruno, anna)
        assert (anna.held, bruno.held) == (ALL, 0)


async def test_statements_find_an_account_s_slot_where_the_map_does(
    database: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    accounts = await make_accounts(connection, 40)
    slots = SlotMap((NOBODY,) * 48, (NOBODY,) * 48)
    for egress in (-1, 0, 2, 3, 99):
        for account_id in accounts:
            found = await connection.fetchval("SELECT slot_of($1, $2, $3)", egress, account_id, slots.egresses)
            assert found == slots.slot_of(egress, account_id)
