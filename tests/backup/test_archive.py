"""An archive of a real database: complete or not there, and refused when a bit of it is not what was written."""

# Files of an archive are what is tested; that a test's loop blocks meanwhile is no harm.
# ruff: noqa: ASYNC240

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from tests.store.embedded_server import as_root

from marketbot.backup import make, runs
from marketbot.backup.errors import BackupDamagedError, BackupError, BackupKeyError, RestoreRefusedError
from marketbot.backup.key import BackupKey
from marketbot.backup.load import ID_GAP
from marketbot.backup.make import BackupUnderWayError, Made, make_backup
from marketbot.backup.restore import restore
from marketbot.backup.retention import Retention
from marketbot.backup.shelf import MANIFEST, Shelf, read_manifest
from marketbot.backup.table_file import TableWriter
from marketbot.backup.verify import verify
from marketbot.domain.venue import Profile
from marketbot.store.audit_trail import verify as verify_chain
from marketbot.store.installation import open_installation
from marketbot.store.pool import connect

KEY = BackupKey(bytes(range(32)))
AWKWARD = "tab\there\nline \\N back\\slash \u20bf"


@pytest.fixture
async def books(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A small installation: a user, a source and a settled signal with awkward text in it."""
    connection = await connect(database, name="test")
    await open_installation(connection, Profile.SIMULATION)
    await connection.execute("INSERT INTO app_user (name) VALUES ($1)", AWKWARD)
    await connection.execute("INSERT INTO source (name, kind, secret_sha256) VALUES ('tv', 'webhook', $1)", bytes(range(32)))
    await connection.execute(
        """INSERT INTO signal (source_id, dedup_key, action, symbol, price, body, state)
           SELECT source_id, 'key:1', 'open_long', 'BTCUSDT', 0.000000012345678901234567890, $1, 'settled' FROM source""",
        AWKWARD,
    )
    yield connection
    await connection.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "backups")


async def made(dsn: str, shelf: Shelf, key: BackupKey | None = None) -> Made:
    done = await make_backup(dsn, shelf, key, Retention())
    assert done is not None
    return done


async def rows_of(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    connection = await asyncpg.connect(dsn)
    try:
        return {
            table: [tuple(row) for row in await connection.fetch(f"SELECT * FROM {table} ORDER BY 1")]
            for table in ("installation", "app_user", "source", "signal")
        }
    finally:
        await connection.close()


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
async def test_what_is_restored_is_what_was_there(
    database: str, books: asyncpg.Connection[asyncpg.Record], empty_database: str, shelf: Shelf, key: BackupKey | None
) -> None:
    taken = await made(database, shelf, key)
    before = await rows_of(database)
    await restore(empty_database, shelf.find("latest"), taken.manifest, key, Profile.SIMULATION)
    assert await rows_of(empty_database) == before


async def test_the_audit_trail_comes_back_whole_and_goes_on_with_the_restore(
    database: str, books: asyncpg.Connection[asyncpg.Record], empty_database: str, shelf: Shelf
) -> None:
    for number in range(3):
        await books.execute("SELECT record_audit('halted', 'system', NULL, NULL, 'account', $1, '{\"n\": 1}')", str(number))
    taken = await made(database, shelf)
    await restore(empty_database, shelf.find("latest"), taken.manifest, None, Profile.SIMULATION)
    connection = await connect(empty_database, name="test")
    try:
        proof = await verify_chain(connection)
        assert (proof.holds, proof.entries) == (True, 4)
        assert await connection.fetchval("SELECT action FROM audit_entry WHERE entry_id = 4") == "restored"
    finally:
        await connection.close()


async def test_numbers_of_the_lost_time_are_never_given_out_again(
    database: str, books: asyncpg.Connection[asyncpg.Record], empty_database: str, shelf: Shelf
) -> None:
    taken = await made(database, shelf)
    restored = await restore(empty_database, shelf.find("latest"), taken.manifest, None, Profile.SIMULATION)
    connection = await asyncpg.connect(empty_database)
    try:
        assert await connection.fetchval("INSERT INTO app_user (name) VALUES ('new') RETURNING user_id") == 1 + ID_GAP + 1
        # A sequence that had given out nothing may have begun since.
        assert await connection.fetchval("SELECT nextval(pg_get_serial_sequence('account', 'account_id'))") == ID_GAP + 1
        chunk = "INSERT INTO chunk (signal_id, lane, venue, environment, account_ids) VALUES ($1, 1, 'bybit', 'mainnet', '{1}')"
        await connection.execute(chunk, restored.manifest.last_signal_id)
        assert await connection.fetchval("SELECT attempts FROM chunk") == 1, "planned late: looked up before it is sent"
        assert await connection.fetchval("SELECT state::text FROM switch WHERE scope = 'everything'") == "halted"
    finally:
        await connection.close()


async def test_files_are_for_their_owner_alone(database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf) -> None:
    archive = shelf.root / (await made(database, shelf)).manifest.name
    for directory in (shelf.root, archive):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in archive.iterdir()} == {0o600}


async def test_a_backup_that_breaks_off_is_not_there_and_is_counted(
    database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def full(_writer: TableWriter, _rows: bytes) -> None:
        seen.append([path.name for path in shelf.root.iterdir()])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(TableWriter, "write", full)
        with pytest.raises(OSError, match="No space"):
            await made(database, shelf)
    assert seen[0][0].startswith(".draft-"), "it broke off while it was being written"
    assert list(shelf.root.iterdir()) == []
    assert (await runs.read_standing(books)).failures == 1
    assert not await runs.is_due(books, timedelta(hours=1)), "a full disk stays full for a while"
    await made(database, shelf)
    assert (await runs.read_standing(books)).failures == 0


async def test_what_a_killed_backup_left_is_no_archive_and_is_cleared(
    database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf
) -> None:
    tag = await books.fetchval("SELECT tag FROM installation")
    left = shelf.begin(f"20260101T000000000Z-{tag}")
    foreign = shelf.begin("20260101T000000000Z-zzzzzz")
    assert shelf.names() == []
    with pytest.raises(BackupError, match="no backup"):
        shelf.find("latest")
    await made(database, shelf)
    assert not left.exists()
    assert foreign.exists(), "another installation may be writing it"


async def test_one_at_a_time_over_all_processes(database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf) -> None:
    other = await asyncpg.connect(database)
    await other.execute("SELECT pg_advisory_lock($1)", make.BACKUP_LOCK_KEY)
    with pytest.raises(BackupUnderWayError):
        await made(database, shelf)
    await other.close()
    await made(database, shelf)


async def test_due_once_a_period_whoever_asks(database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf) -> None:
    every = timedelta(hours=1)
    assert await make_backup(database, shelf, None, Retention(), if_due=every) is not None
    assert await make_backup(database, shelf, None, Retention(), if_due=every) is None
    await books.execute("UPDATE backup_run SET started_at = started_at - interval '61 minutes'")
    assert await make_backup(database, shelf, None, Retention(), if_due=every) is not None


async def test_old_ones_go_and_those_of_others_stay(
    database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf
) -> None:
    first = (await made(database, shelf)).manifest.name
    foreign = shelf.root / f"{first[:-6]}zzzzzz"
    foreign.mkdir()
    keep_one = Retention(daily=1, weekly=0, latest=1)
    second = await make_backup(database, shelf, None, keep_one)
    assert second is not None
    assert second.pruned == (first,)
    assert set(shelf.names()) == {second.manifest.name, foreign.name}


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("harm", [_truncate, _flip, Path.unlink], ids=["truncated", "flipped", "missing"])
@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "sealed"])
async def test_a_damaged_archive_is_refused_and_nothing_is_changed(
    database: str,
    books: asyncpg.Connection[asyncpg.Record],
    empty_database: str,
    shelf: Shelf,
    key: BackupKey | None,
    harm: Callable[[Path], None],
) -> None:
    taken = await made(database, shelf, key)
    archive = shelf.find("latest")
    harm(next(archive.glob("signal.*")))
    with pytest.raises(BackupDamagedError, match=r"signal\."):
        await restore(empty_database, archive, taken.manifest, key, Profile.SIMULATION)
    connection = await asyncpg.connect(empty_database)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        await connection.close()


async def test_rows_that_do_not_fit_leave_the_database_as_it_was(
    database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf
) -> None:
    """A manifest that lies about its rows passes the checksums; the loading finds it, and what was there is put back."""
    await made(database, shelf)
    archive = shelf.find("latest")
    document = json.loads((archive / MANIFEST).read_text())
    next(each for each in document["tables"] if each["table"] == "app_user")["rows"] = 2
    (archive / MANIFEST).write_text(json.dumps(document))
    before = await rows_of(database)
    await books.close()
    with pytest.raises(BackupDamagedError, match="app_user has 1 rows, and 2"):
        await restore(database, archive, read_manifest(archive), None, Profile.SIMULATION, replace=True)
    assert await rows_of(database) == before


async def test_a_sealed_archive_wants_its_key_and_an_unchanged_manifest(
    database: str, books: asyncpg.Connection[asyncpg.Record], empty_database: str, shelf: Shelf
) -> None:
    taken = await made(database, shelf, KEY)
    archive = shelf.find("latest")
    assert AWKWARD.encode() not in b"".join(file.read_bytes() for file in archive.iterdir())
    with pytest.raises(BackupKeyError, match="MARKETBOT_BACKUP_KEY_FILE"):
        await restore(empty_database, archive, taken.manifest, None, Profile.SIMULATION)
    with pytest.raises(BackupKeyError, match=KEY.fingerprint):
        await restore(empty_database, archive, taken.manifest, BackupKey(bytes(32)), Profile.SIMULATION)
    changed = (archive / MANIFEST).read_text().replace('"last_signal_id": 1', '"last_signal_id": 0')
    (archive / MANIFEST).write_text(changed)
    with pytest.raises(BackupDamagedError, match="manifest"):
        await restore(empty_database, archive, read_manifest(archive), KEY, Profile.SIMULATION)


async def test_a_restore_refuses_what_is_in_use_or_not_empty_or_the_other_profiles(
    database: str, books: asyncpg.Connection[asyncpg.Record], empty_database: str, shelf: Shelf
) -> None:
    taken = await made(database, shelf)
    archive = shelf.find("latest")
    with pytest.raises(RestoreRefusedError, match="in use"):
        await restore(database, archive, taken.manifest, None, Profile.SIMULATION, replace=True)
    with pytest.raises(RestoreRefusedError, match="a simulation installation"):
        await restore(empty_database, archive, taken.manifest, None, Profile.LIVE)
    await books.execute("INSERT INTO app_user (name) VALUES ('since')")
    await books.close()
    with pytest.raises(RestoreRefusedError, match="not empty"):
        await restore(database, archive, taken.manifest, None, Profile.SIMULATION)
    restored = await restore(database, archive, taken.manifest, None, Profile.SIMULATION, replace=True)
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("SELECT count(*) FROM app_user") == 1
        assert await connection.fetchval(f"SELECT count(*) FROM {restored.kept_schema}.app_user") == 2
        await connection.execute("CREATE TABLE of_others (id int); ALTER TABLE schema_migration RENAME TO other")
    finally:
        await connection.close()
    with pytest.raises(RestoreRefusedError, match="something else"):
        await restore(database, archive, taken.manifest, None, Profile.SIMULATION, replace=True)


async def test_a_snapshot_waits_until_no_signal_is_half_planned(
    database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await books.execute("UPDATE signal SET state = 'accepted'")
    looks = 0
    real = make.dump

    async def hurried(connection: asyncpg.Connection[asyncpg.Record], *rest: object) -> Path:
        nonlocal looks
        looks += 1
        return await real(connection, *rest, planned_wait_s=0.1)  # type: ignore[arg-type]

    monkeypatch.setattr(make, "dump", hurried)
    assert (await made(database, shelf)).manifest.unplanned_signals == (1,), "told, where there is no such moment"
    await books.execute("UPDATE signal SET state = 'planned'")
    assert (await made(database, shelf)).manifest.unplanned_signals == ()


async def test_verifying_finds_what_is_wrong_in_the_books(
    database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf, place: Path
) -> None:
    await books.execute(
        """INSERT INTO outcome (signal_id, account_id, user_id, result, at) VALUES (1, 9, 1, 'ordered', now());
           INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, at)
           VALUES (1, 9, 'entry', 0, 2, 1, 'planned', 'submitted', now());
           INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, planned_at)
           VALUES (1, 8, 1, 0, 'queued', 'long', now())"""
    )
    taken = await made(database, shelf)
    place.mkdir(mode=0o711)
    proven = await verify(shelf.find("latest"), taken.manifest, None, scratch=place, vault_key_file=place / "vault.key")
    assert not proven.good
    assert {each.rule.value for each in proven.findings} == {
        "outcome_without_intent", "event_without_order", "events_missing", "intent_without_order", "intent_forgotten"
    }  # fmt: skip
    assert "signal 1, account 9" in proven.faults[0]
    assert not proven.keys.at_hand
    assert list(place.iterdir()) == [], "the scratch server is gone"


@as_root
async def test_verifying_as_root_runs_its_server_as_somebody_else(
    database: str, books: asyncpg.Connection[asyncpg.Record], shelf: Shelf, place: Path
) -> None:
    """The archive is root's and closed to the server's user, who never needs it: rows reach the server through a connection."""
    taken = await made(database, shelf, KEY)
    place.mkdir(mode=0o711)
    proven = await verify(shelf.find("latest"), taken.manifest, KEY, scratch=place, vault_key_file=place / "vault.key")
    assert proven.good
    assert shelf.find("latest").stat().st_uid == 0
