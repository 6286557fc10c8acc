"""Bring an archive's rows into a database that has the archive's schema: all of them, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg

from marketbot.backup.dump import TEXT_FORM, copied_rows
from marketbot.backup.errors import BackupDamagedError
from marketbot.backup.key import BackupKey
from marketbot.backup.manifest import Manifest
from marketbot.backup.table_file import check_file, read_rows
from marketbot.backup.tables import loading_order, quoted, tables
from marketbot.store.pool import DirectConnection

ID_GAP = 1_000_000
"""How far every sequence is moved on by a restore. Client order ids follow from signal and account numbers, and venues know those of the
lost time: a number that was given out then must never be given out again. No service takes a million signals between two backups."""


async def check_files(archive: Path, manifest: Manifest) -> None:
    """Hold every file against the manifest, before anything is done with what is in them.

    Raises:
        BackupDamagedError: one is missing or was changed.
    """
    for entry in manifest.tables:
        await asyncio.to_thread(check_file, archive, entry)


async def load(connection: DirectConnection, archive: Path, manifest: Manifest, key: BackupKey | None) -> None:
    """Replace all rows by the archive's. To be called in a transaction, so that an archive that turns out damaged leaves nothing.

    Raises:
        BackupDamagedError, BackupKeyError: the archive cannot be read to its end, or does not fit the schema it names.
    """
    await connection.execute(TEXT_FORM)
    present = {table.name: table for table in await tables(connection)}
    entries = {entry.table: entry for entry in manifest.tables}
    if present.keys() != entries.keys():
        odd = ", ".join(sorted(present.keys() ^ entries.keys()))
        raise BackupDamagedError(f"The archive does not fit schema {manifest.migration}: {odd}.")
    # What migrations wrote of themselves is in the archive too, as it stood there.
    for name in present:
        # Asked first: the audit trail's rows cannot be removed, and a schema that was just made holds none.
        if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {quoted(name)})"):
            await connection.execute(f"TRUNCATE {quoted(name)} CASCADE")
    for name in await loading_order(connection, list(entries)):
        entry = entries[name]
        rows = _in_thread(read_rows(archive, manifest, entry, key))
        # What triggers write of a row that comes (totals, doubts) is in the archive itself: written again it would count twice.
        await connection.execute(f"ALTER TABLE {quoted(name)} DISABLE TRIGGER USER")
        try:
            status = await connection.copy_to_table(
                name, source=rows, columns=list(entry.columns), format="text", encoding="utf-8"
            )
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.UndefinedColumnError) as error:
            raise BackupDamagedError(f"The rows of {name} are refused by the schema ({type(error).__name__}).") from error
        await connection.execute(f"ALTER TABLE {quoted(name)} ENABLE TRIGGER USER")
        if copied_rows(status) != entry.rows:
            raise BackupDamagedError(f"{name} has {copied_rows(status)} rows, and {entry.rows} by the manifest.")


async def move_sequences_on(connection: DirectConnection, manifest: Manifest, gap: int = ID_GAP) -> None:
    """Let every sequence go on ``gap`` numbers behind the last one that the archive knows of."""
    for name, last in manifest.sequences:
        await connection.execute("SELECT setval($1::text::regclass, $2::bigint)", quoted(name), last + gap)


async def _in_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read, open and unpack beside the loop."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
