"""The audit trail: only added to, chained, and a break in it is found wherever it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from marketbot.domain.audit_entry import MAX_FACT_CHARS, Action, Actor, ActorKind, AuditEntry
from marketbot.domain.ids import UserId
from marketbot.store import audit_trail
from marketbot.store.audit_trail import NEWEST, AuditFilter, list_entries, record, verify
from marketbot.store.pool import DirectConnection, connect
from marketbot.store.user_wall import find_wall

OPERATOR = Actor(ActorKind.TOKEN, 7, "203.0.113.9")


@pytest.fixture
async def connection(database: str) -> AsyncIterator[DirectConnection]:
    connection = await connect(database, name="test")
    yield connection
    await connection.close()


def entry(action: Action = Action.HALTED, subject: str = "everything", **facts: str | int | bool | None) -> AuditEntry:
    return AuditEntry(action, OPERATOR, "switch", subject, facts)


async def fill(connection: DirectConnection, number: int) -> None:
    for each in range(number):
        await record(connection, entry(subject=str(each), number=each))


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entry SET subject_id = 'x'", "DELETE FROM audit_entry WHERE entry_id = 2", "TRUNCATE audit_entry"],
)
async def test_an_entry_is_neither_changed_nor_removed(connection: DirectConnection, statement: str) -> None:
    await fill(connection, 3)
    with pytest.raises(asyncpg.RestrictViolationError):
        await connection.execute(statement)
    assert (await verify(connection)).entries == 3


async def test_what_is_written_reads_back_the_same_and_python_agrees_with_the_database_on_the_chain(
    connection: DirectConnection,
) -> None:
    facts = {"b": True, "none": None, "aa": -3, "big": 2**62, "text": 'ação "x" \\ \n\t\x01\x7f / é 漢 😀', "Z": ""}
    await record(connection, AuditEntry(Action.SETTINGS_CHANGED, Actor(ActorKind.SYSTEM), "account", "5", facts))
    await record(connection, AuditEntry(Action.LOGIN, Actor(ActorKind.CLI, 0), "person", "1", {}))
    newest, oldest = await list_entries(connection, AuditFilter(), NEWEST, 10)
    assert oldest.facts == facts
    assert (newest.entry_id, newest.actor_kind, newest.actor_id, newest.address) == (2, "cli", 0, None)
    proof = await verify(connection)
    assert (proof.holds, proof.entries, proof.last_id, proof.last_hash) == (True, 2, 2, newest.hash)


@pytest.mark.parametrize(
    ("tamper", "broken_at"),
    [
        ("UPDATE audit_entry SET facts = '{\"number\": 9}' WHERE entry_id = 4", 4),
        ("UPDATE audit_entry SET at = at + interval '1 microsecond' WHERE entry_id = 1", 1),
        ("UPDATE audit_entry SET hash = sha256('x') WHERE entry_id = 6", 6),
        ("DELETE FROM audit_entry WHERE entry_id = 3", 3),
        ("UPDATE audit_entry SET actor_id = 8 WHERE entry_id = 7", 7),
    ],
)
async def test_the_first_break_is_named_whichever_page_it_is_on(
    connection: DirectConnection, monkeypatch: pytest.MonkeyPatch, tamper: str, broken_at: int
) -> None:
    monkeypatch.setattr(audit_trail, "VERIFY_PAGE", 3)
    await fill(connection, 7)
    assert (await verify(connection)).holds
    await connection.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
    await connection.execute(tamper)
    proof = await verify(connection)
    assert (proof.holds, proof.broken_at, proof.entries) == (False, broken_at, broken_at - 1)
    assert proof.fault


async def test_an_address_is_shown_can_go_and_cannot_be_replaced(connection: DirectConnection) -> None:
    await fill(connection, 3)
    await record(connection, AuditEntry(Action.LOGIN, Actor(ActorKind.SYSTEM), "person", "1", {}))
    rows = await list_entries(connection, AuditFilter(), NEWEST, 10)
    assert [row.address for row in rows] == [None, *["203.0.113.9"] * 3]
    assert rows[0].address_digest is None
    # The same address is another digest in every entry, and none of them is a plain digest of it.
    assert len({row.address_digest for row in rows} | {hashlib.sha256(b"203.0.113.9").hexdigest()}) == 5
    await connection.execute("DELETE FROM audit_address WHERE entry_id = 2")
    assert (await verify(connection)).holds
    assert [row.address for row in await list_entries(connection, AuditFilter(), NEWEST, 10)][2] is None
    await connection.execute("UPDATE audit_address SET address = '192.0.2.1' WHERE entry_id = 3")
    proof = await verify(connection)
    assert (proof.broken_at, proof.fault) == (3, "its address is not what was written")


async def test_a_part_of_the_chain_is_proven_from_where_the_last_one_ended(connection: DirectConnection) -> None:
    await fill(connection, 5)
    first = await verify(connection, 0, 2)
    rest = await verify(connection, first.last_id, 100)
    assert (first.entries, rest.entries, rest.last_id) == (2, 3, 5)
    assert (await verify(connection, 9, 1)).broken_at == 9


async def test_commands_at_once_make_one_chain_and_one_that_fails_leaves_no_gap(
    connection: DirectConnection, database: str
) -> None:
    others = [await connect(database, name="test") for _ in range(4)]

    async def write(own: DirectConnection, fails: bool) -> None:
        for each in range(10):
            transaction = own.transaction()
            await transaction.start()
            await record(own, entry(number=each))
            await (transaction.rollback() if fails else transaction.commit())

    try:
        await asyncio.gather(*(write(own, number == 0) for number, own in enumerate(others)))
    finally:
        for own in others:
            await own.close()
    proof = await verify(connection)
    assert (proof.holds, proof.entries, proof.last_id) == (True, 30, 30)


async def test_entries_are_found_by_what_they_are_about_a_page_at_a_time(connection: DirectConnection) -> None:
    before = datetime.now(UTC)
    for number in range(6):
        await record(connection, entry(Action.HALTED if number % 2 else Action.RESUMED, str(number % 3)))
    await record(connection, AuditEntry(Action.USER_MADE, Actor(ActorKind.PERSON, 1), "user", "1", {}))

    async def ids(wanted: AuditFilter, below: int = NEWEST, limit: int = 50) -> list[int]:
        return [row.entry_id for row in await list_entries(connection, wanted, below, limit)]

    assert await ids(AuditFilter(), limit=3) == [7, 6, 5]
    assert await ids(AuditFilter(), below=5) == [4, 3, 2, 1]
    assert await ids(AuditFilter(action=Action.HALTED)) == [6, 4, 2]
    assert await ids(AuditFilter(actor_kind=ActorKind.TOKEN, actor_id=7), limit=2) == [6, 5]
    assert await ids(AuditFilter(subject_kind="switch", subject_id="1")) == [5, 2]
    assert await ids(AuditFilter(since=before)) == [7, 6, 5, 4, 3, 2, 1]
    assert await ids(AuditFilter(until=before)) == []


async def test_a_users_own_transaction_records_but_cannot_read_or_write_the_table(connection: DirectConnection) -> None:
    await connection.execute("INSERT INTO app_user (name) VALUES ('ana')")
    wall = await find_wall(connection)
    assert wall is not None
    await connection.execute(wall.opening(UserId(1), writes=True))
    await record(connection, AuditEntry(Action.TOKEN_MADE, OPERATOR, "token", "1", {"user_id": 1}))
    await connection.execute("COMMIT")
    assert (await verify(connection)).entries == 1
    for statement in (
        "SELECT count(*) FROM audit_entry",
        "INSERT INTO audit_entry SELECT 2, now(), 'x', 'system', NULL, NULL, 'x', 'x', '{}', sha256('')",
    ):
        await connection.execute(wall.opening(UserId(1), writes=True))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
        await connection.execute("ROLLBACK")


def test_an_entry_takes_small_plain_facts_alone() -> None:
    with pytest.raises(ValueError, match="text"):
        entry(text="x" * (MAX_FACT_CHARS + 1))
    with pytest.raises(ValueError, match="small"):
        entry(**{f"f{number}": number for number in range(40)})


async def test_whoever_only_connects_can_neither_write_an_entry_nor_command_a_close(connection: DirectConnection) -> None:
    await connection.execute("CREATE ROLE passer_by")
    try:
        for statement in (
            "SELECT record_audit('halted', 'system', NULL, NULL, 'x', 'x', '{}')",
            "SELECT command_close(NULL, 'everything', '', NULL, '')",
        ):
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SET LOCAL ROLE passer_by")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
            await transaction.rollback()
    finally:
        await connection.execute("DROP ROLE passer_by")
