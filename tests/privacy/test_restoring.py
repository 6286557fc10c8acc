"""Who was erased after a backup was made does not come back with it."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from marketbot.backup.erased import Ledger
from marketbot.backup.errors import BackupError
from marketbot.backup.key import BackupKey
from marketbot.backup.make import make_backup
from marketbot.backup.restore import restore
from marketbot.backup.retention import Retention
from marketbot.backup.shelf import Shelf, read_manifest
from marketbot.domain.audit_entry import Actor, ActorKind
from marketbot.domain.venue import Profile
from marketbot.jobs.erasures import erasures_kind
from marketbot.privacy.erasing import ask_for, person_subject
from marketbot.store.audit_trail import verify
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import connect

from .conftest import Lives
from .life import canaries

TAG = "abc123"


async def erase(lives: Lives, name: str, shelf: Shelf, key_file: Path | None = None) -> None:
    """Have somebody erased by the keeper's job."""
    async with lives.pool.acquire() as connection:
        subject = await person_subject(connection, lives.person(name))
        assert subject is not None
        await ask_for(connection, subject, Actor(ActorKind.SYSTEM), force=True)
        await connection.execute("UPDATE erasure SET due_at = asked_at")
    kind = erasures_kind(lives.pool, lives.town.vault, shelf.root, key_file)
    now = await lives.pool.fetchval("SELECT now()")
    await kind.handler(ClaimedJob(1, kind.name, None, {}, now, None, 1, 1))
    assert await lives.pool.fetchval("SELECT erased_at FROM person WHERE person_id = $1", lives.person(name)) is not None


@pytest.mark.parametrize("sealed", [False, True])
async def test_an_erasure_is_done_again_on_an_older_backup(
    lives: Lives, empty_database: str, tmp_path: Path, sealed: bool
) -> None:
    shelf, key_file = Shelf(tmp_path / "backups"), tmp_path / "backup.key"
    key_file.write_text("5a" * 32)
    key_file.chmod(0o600)
    key = BackupKey.from_file(key_file) if sealed else None
    made = await make_backup(lives.town.api.database, shelf, key, Retention())
    assert made is not None
    assert not Ledger(shelf.root, key).path(TAG).exists()
    await erase(lives, "user", shelf, key_file if sealed else None)
    ledger = Ledger(shelf.root, key)
    assert [(each.person_id, each.user_id) for each in ledger.read(TAG)] == [(lives.person("user"), await lives.user("user"))]
    assert not [each for each in canaries("user") if each in ledger.path(TAG).read_text()]

    archive = shelf.find("latest")
    restored = await restore(empty_database, archive, read_manifest(archive), key, Profile.SIMULATION)
    assert restored.erased_again == 1
    connection = await connect(empty_database, name="test")
    try:
        names = [row["name"] for row in await connection.fetch("SELECT name FROM person ORDER BY person_id")]
        assert ("user" in names, "rui" in names, "erased" in names) == (False, True, True)
        assert await connection.fetchval("SELECT count(*) FROM data_key") == 1
        assert await connection.fetchval("SELECT facts ->> 'erased_again' FROM audit_entry WHERE action = 'restored'") == "1"
        assert await connection.fetchval("SELECT count(*) FROM erasure WHERE done_at IS NOT NULL") == 1
        assert (await verify(connection)).holds
        # A backup of the restored books names them still.
        assert await ledger.renew(connection) == 1
    finally:
        await connection.close()


async def test_a_ledger_that_somebody_else_wrote_is_refused(lives: Lives, empty_database: str, tmp_path: Path) -> None:
    shelf, key = Shelf(tmp_path / "backups"), BackupKey(b"k" * 32)
    await make_backup(lives.town.api.database, shelf, key, Retention())
    ledger = Ledger(shelf.root, key)
    document = {"tag": TAG, "erased": [{"person_id": 1, "user_id": None, "at": "2026-01-01T00:00:00+00:00"}], "proof": "00"}
    archive = shelf.find("latest")
    for text, sentence in (
        (orjson.dumps(document), "not written by whoever has the backup key"),
        (orjson.dumps(document | {"proof": None}), "not written by whoever has the backup key"),
        (b"{", "is damaged"),
        (orjson.dumps(document | {"tag": "other1"}), "another installation"),
    ):
        ledger.path(TAG).write_bytes(text)
        with pytest.raises(BackupError, match=sentence):
            await restore(empty_database, archive, read_manifest(archive), key, Profile.SIMULATION)
    connection = await connect(empty_database, name="test")
    try:
        assert await connection.fetchval("SELECT to_regclass('person')") is None
    finally:
        await connection.close()


async def test_one_that_has_no_key_leaves_what_is_proven_alone(lives: Lives, tmp_path: Path) -> None:
    shelf, key = Shelf(tmp_path / "backups"), BackupKey(b"k" * 32)
    shelf.root.mkdir()
    await erase(lives, "user", shelf)
    assert len(Ledger(shelf.root, None).read(TAG)) == 1
    # With a key from now on, what stands there unproven does not count, and what the database knows does.
    await make_backup(lives.town.api.database, shelf, key, Retention())
    before = Ledger(shelf.root, key).path(TAG).read_bytes()
    assert len(Ledger(shelf.root, key).read(TAG)) == 1
    await erase(lives, "rui", shelf)
    assert Ledger(shelf.root, key).path(TAG).read_bytes() == before
    await make_backup(lives.town.api.database, shelf, key, Retention())
    assert len(Ledger(shelf.root, key).read(TAG)) == 2
