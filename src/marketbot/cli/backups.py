"""``backup``, ``backup list``, ``backup verify`` and ``restore``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import asyncpg
from rich.console import Console

from marketbot.backup.errors import BackupDamagedError, BackupError
from marketbot.backup.key import BackupKey
from marketbot.backup.make import Made, make_backup
from marketbot.backup.manifest import Manifest
from marketbot.backup.restore import Restored, restore
from marketbot.backup.retention import Retention
from marketbot.backup.shelf import Shelf, read_manifest
from marketbot.backup.verify import KeysTried, Verified, try_keys, verify
from marketbot.cli.actor import command_actor, note
from marketbot.cli.failure import EXIT_FAILED, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import open_store
from marketbot.domain.audit_entry import Action
from marketbot.domain.venue import Profile
from marketbot.settings import Settings
from marketbot.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from marketbot.store.migrate import MigrationError
from marketbot.store.pool import Unavailable
from marketbot.vault.kek import kek_file

MIB = 1024 * 1024

NEXT_STEPS = (
    "Everything is halted: closes, stops and targets go on, no entry is made.",
    "Make sure that nothing else runs on these accounts: neither the service this backup is of, nor another copy of it.",
    "Start the service. What was unfinished is looked up at the venues first and nothing of it is entered anew; "
    "within half an hour every account has been compared with its venue.",
    "Look: marketbot doctor, marketbot positions, marketbot orders --open. Positions opened since the backup show without a signal; "
    "their stops and targets rest at the venue.",
    "What was changed since the backup is as it was then: keys, pauses, secrets that were rotated, users that were removed. "
    "Who was erased is erased again as far as the file beside the backups names them.",
    "Then: marketbot resume.",
)


async def back_up(output: Output, settings: Settings) -> None:
    """Make a backup now, while the service runs or not."""
    with _told():
        key = _key(settings)
        async with open_store(settings) as store:
            output.mark(store.profile)
            retention = Retention(settings.backup_keep_daily, settings.backup_keep_weekly)
            made = await make_backup(store.dsn, Shelf(settings.backup_directory), key, retention)
            assert made is not None
            await note(store.connection, Action.BACKUP_MADE, "backup", made.manifest.name, rows=made.manifest.rows)
    output.show(_summary(made.manifest) | {"pruned": list(made.pruned)}, lambda console: _tell_made(console, settings, made))


async def list_backups(output: Output, settings: Settings) -> None:
    """Show the archives, the newest first, and those that cannot be read as well."""
    shelf = Shelf(settings.backup_directory)
    found: list[dict[str, Any]] = []
    for name in shelf.names():
        try:
            found.append(_summary(read_manifest(shelf.root / name)) | {"fault": None})
        except BackupDamagedError as error:
            found.append({"name": name, "fault": str(error)})
    columns = ("name", "made_at", "rows", "mib", "sealed_with", "schema", "last_signal_id", "fault")
    rows = [tuple(each.get(column) for column in columns) for each in found]
    output.show({"backups": found, "directory": str(shelf.root)}, output.table(f"Backups in {shelf.root}", columns, rows))


async def verify_backup(output: Output, settings: Settings, name: str, scratch: Path | None) -> int:
    """Restore a backup into a scratch server and hold it against its manifest and the rules of the books."""
    with _told():
        key = _key(settings)
        archive = Shelf(settings.backup_directory).find(name)
        manifest = read_manifest(archive)
        output.mark(Profile(manifest.profile))
        place = settings.data_dir if scratch is None else scratch
        proven = await verify(archive, manifest, key, scratch=place, vault_key_file=settings.vault_key_file)
    document = _summary(manifest) | {
        "good": proven.good,
        "restored_rows": proven.rows,
        "faults": list(proven.faults),
        "findings": [asdict(each) for each in proven.findings],
        "keys": asdict(proven.keys),
    }
    output.show(document, lambda console: _tell_verified(console, proven))
    return 0 if proven.good else EXIT_FAILED


async def restore_backup(output: Output, settings: Settings, name: str, *, replace: bool) -> None:
    """Bring a backup back; the service must be stopped."""
    with _told():
        key = _key(settings)
        archive = Shelf(settings.backup_directory).find(name)
        manifest = read_manifest(archive)
        output.mark(Profile(manifest.profile))
        async with _stopped_database(settings) as dsn:
            restored = await restore(dsn, archive, manifest, key, settings.profile, replace=replace, actor=command_actor())
            keys = await try_keys(dsn, settings.vault_key_file)
    document = _summary(manifest) | {
        **asdict(restored.aftermath),
        "erased_again": restored.erased_again,
        "kept_schema": restored.kept_schema,
        "keys": asdict(keys),
        "next": list(NEXT_STEPS),
    }
    output.show(document, lambda console: _tell_restored(console, restored, keys))


@contextmanager
def _told() -> Iterator[None]:
    """Turn what goes wrong with a backup into a command's failure."""
    try:
        yield
    except EmbeddedPostgresError as error:
        raise CommandFailed(FailureReason.STORE_UNAVAILABLE, error.sentence) from error
    except (BackupError, MigrationError) as error:
        raise CommandFailed(FailureReason.REFUSED, str(error)) from error
    except (Unavailable, asyncpg.PostgresError) as error:
        raise CommandFailed(FailureReason.STORE_UNAVAILABLE, str(error)) from error
    except OSError as error:
        raise CommandFailed(FailureReason.FILE_INVALID, f"{error.strerror or error} ({error.filename})") from error


@asynccontextmanager
async def _stopped_database(settings: Settings) -> AsyncIterator[str]:
    """Give the database of a service that does not run: one of one's own, or the embedded one, made where there is none."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    server = EmbeddedPostgres(settings.data_dir)
    dsn = await server.start()
    try:
        if not server.owner:
            raise BackupError(f"The service in {settings.data_dir} is running: stop it first.")
        yield dsn
    finally:
        await server.stop()


def _key(settings: Settings) -> BackupKey | None:
    return None if settings.backup_key_file is None else BackupKey.from_file(settings.backup_key_file)


def _summary(manifest: Manifest) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "made_at": manifest.made_at,
        "took_s": manifest.took_s,
        "rows": manifest.rows,
        "bytes": manifest.size_bytes,
        "mib": round(manifest.size_bytes / MIB, 1),
        "database_bytes": manifest.database_bytes,
        "sealed_with": manifest.key_fingerprint,
        "schema": manifest.migration,
        "profile": manifest.profile,
        "tag": manifest.tag,
        "last_signal_id": manifest.last_signal_id,
        "unplanned_signals": list(manifest.unplanned_signals),
    }


def _tell_made(console: Console, settings: Settings, made: Made) -> None:
    manifest = made.manifest
    console.print(
        f"{settings.backup_directory / manifest.name}: {manifest.rows} rows, {manifest.size_bytes / MIB:.1f} MiB in {manifest.took_s:.1f} s"
    )
    if manifest.key_fingerprint is None:
        console.print("It is not encrypted. MARKETBOT_BACKUP_KEY_FILE names the key to seal backups with.")
    if manifest.unplanned_signals:
        console.print(f"Signals that were half planned: {', '.join(map(str, manifest.unplanned_signals))}; make another one.")
    console.print(
        f"The keys are not in it: keep {settings.vault_key_file} and {kek_file(settings.data_dir)} elsewhere, or the exchange keys"
        " cannot be read."
    )
    if made.pruned:
        console.print(f"Removed: {', '.join(made.pruned)}")


def _tell_verified(console: Console, proven: Verified) -> None:
    manifest = proven.manifest
    console.print(
        f"{manifest.name}: {len(manifest.tables)} files as they were written, {proven.rows} rows restored, schema {manifest.migration}"
    )
    _tell_keys(console, proven.keys)
    for fault in proven.faults:
        console.print(f"FAULT: {fault}", markup=False)
    console.print("The backup is good." if proven.good else "The backup is NOT good.")


def _tell_restored(console: Console, restored: Restored, keys: KeysTried) -> None:
    done = restored.aftermath
    console.print(
        f"{restored.manifest.name} is restored: the books stand as of {restored.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    console.print(
        f"Unfinished then: {done.unfinished_chunks} pieces of work, {done.unplanned_signals} signals; {done.open_positions} open positions."
    )
    if restored.erased_again:
        console.print(f"Erased since, and erased again: {restored.erased_again} people and users.")
    if restored.kept_schema is not None:
        console.print(f"What the database held before is in its schema {restored.kept_schema}; drop it when you are sure.")
    _tell_keys(console, keys)
    for number, step in enumerate(NEXT_STEPS, start=1):
        console.print(f"  {number}. {step}")


def _tell_keys(console: Console, keys: KeysTried) -> None:
    if not keys.at_hand:
        console.print(
            "There is no vault key here: put vault.key and kek.key of this installation in their places, or no account can trade."
        )
    elif keys.opened < keys.tried:
        console.print(
            f"The keys here (vault.key, kek.key) open {keys.opened} of {keys.tried} sealed keys: they are not those they were sealed with."
        )
    else:
        console.print(f"The keys here open all {keys.tried} sealed keys that were tried.")
