"""Read the whole database in one snapshot, while it goes on being written, into the files of an archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from marketbot.backup.errors import BackupError
from marketbot.backup.key import BackupKey
from marketbot.backup.manifest import MAX_UNPLANNED_NAMED, Manifest, TableFile
from marketbot.backup.shelf import Shelf
from marketbot.backup.table_file import PIECE_BYTES, TableWriter
from marketbot.backup.tables import Table, migrations, quoted, sequences, tables
from marketbot.store.pool import DirectConnection

STATEMENT_TIMEOUT_S = 6 * 3600.0
"""How long one table may take, to be read or to be loaded."""
PLANNED_WAIT_S = 30.0
"""How long to look for a snapshot in which no signal is half planned. Planning takes well under a second."""
PLANNED_POLL_S = 0.02

# What a row looks like as text must not depend on how a server or a role is set up.
TEXT_FORM = """
SELECT set_config('datestyle', 'ISO', true), set_config('intervalstyle', 'postgres', true),
       set_config('extra_float_digits', '3', true), set_config('bytea_output', 'hex', true),
       set_config('row_security', 'off', true)
"""
_POINT = """
SELECT clock_timestamp() AS made_at, current_setting('server_version') AS server_version,
       pg_database_size(current_database()) AS database_bytes, (SELECT coalesce(max(signal_id), 0) FROM signal) AS last_signal_id
"""
_UNPLANNED = f"SELECT signal_id FROM signal WHERE state = 'accepted' ORDER BY signal_id LIMIT {MAX_UNPLANNED_NAMED}"


async def dump(
    connection: DirectConnection, shelf: Shelf, key: BackupKey | None, *, planned_wait_s: float = PLANNED_WAIT_S
) -> Path:
    """Write one archive and return where it lies. The connection is a direct one whose statements may take long.

    Raises:
        BackupError: the database holds no installation.
        OSError: the archive cannot be written; nothing of it is left.
    """
    started_s = asyncio.get_running_loop().time()
    async with _settled_snapshot(connection, planned_wait_s) as unplanned:
        installation = await connection.fetchrow("SELECT tag, profile FROM installation")
        if installation is None:
            raise BackupError("This database holds no installation yet: there is nothing to back up.")
        point = await connection.fetchrow(_POINT)
        assert point is not None
        made_at: datetime = point["made_at"]
        name = shelf.name_for(made_at, installation["tag"])
        shelf.clear_drafts(installation["tag"])
        draft = shelf.begin(name)
        try:
            files = [await _dump_table(connection, draft, table, key, name) for table in await tables(connection)]
            manifest = Manifest(
                name=name,
                made_at=made_at,
                took_s=round(asyncio.get_running_loop().time() - started_s, 3),
                server_version=point["server_version"],
                database_bytes=point["database_bytes"],
                tag=installation["tag"],
                profile=installation["profile"],
                migrations=tuple(await migrations(connection)),
                last_signal_id=point["last_signal_id"],
                unplanned_signals=tuple(unplanned),
                tables=tuple(files),
                sequences=tuple(await sequences(connection)),
                key_fingerprint=None if key is None else key.fingerprint,
            )
            return await asyncio.to_thread(shelf.complete, draft, manifest.authenticated(key))
        except BaseException:
            shelf.clear_drafts(installation["tag"])
            raise


@asynccontextmanager
async def _settled_snapshot(connection: DirectConnection, wait_s: float) -> AsyncIterator[list[int]]:
    """Open a snapshot in which no signal is half planned, and yield the signals that are, should there be no such moment.

    Of a signal that is planned, every order's id is in the books, so that after a restore each is looked up at its venue. Of one that
    is not, orders sent after the snapshot would be unknown to them.
    """
    deadline_s = asyncio.get_running_loop().time() + wait_s
    while True:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(TEXT_FORM)
            unplanned = [row["signal_id"] for row in await connection.fetch(_UNPLANNED)]
            if not unplanned or asyncio.get_running_loop().time() >= deadline_s:
                yield unplanned
                return
        await asyncio.sleep(PLANNED_POLL_S)


async def _dump_table(connection: DirectConnection, draft: Path, table: Table, key: BackupKey | None, archive: str) -> TableFile:
    writer = TableWriter(draft, table.name, key, archive)
    held = bytearray()

    async def take(rows: bytes) -> None:
        held.extend(rows)
        if len(held) >= PIECE_BYTES:
            piece = bytes(held)
            held.clear()
            await asyncio.to_thread(writer.write, piece)

    try:
        columns = ", ".join(quoted(column) for column in table.columns)
        # A query, since COPY takes no partitioned table by its name before Postgres 18.
        status = await connection.copy_from_query(
            f"SELECT {columns} FROM {quoted(table.name)}", output=take, format="text", encoding="utf-8"
        )
        await asyncio.to_thread(writer.write, bytes(held))
        return await asyncio.to_thread(writer.finish, table.name, table.columns, copied_rows(status))
    finally:
        writer.close()


def copied_rows(status: str) -> int:
    """Read how many rows a COPY moved, from what the server says at its end (``COPY 12``)."""
    return int(status.rsplit(" ", 1)[-1])
