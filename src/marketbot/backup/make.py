"""Make one backup: alone over all processes, written down, and the old ones taken away behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from marketbot.backup import runs
from marketbot.backup.dump import STATEMENT_TIMEOUT_S, dump
from marketbot.backup.erased import Ledger
from marketbot.backup.errors import BackupError
from marketbot.backup.key import BackupKey
from marketbot.backup.manifest import Manifest
from marketbot.backup.retention import Retention
from marketbot.backup.shelf import Shelf, read_manifest
from marketbot.store.pool import DirectConnection, connect

BACKUP_LOCK_KEY = 0x6D626F74_00000007
"""The session advisory lock of whoever makes a backup of this database."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup, and the names of those it made superfluous."""

    manifest: Manifest
    pruned: tuple[str, ...]


class BackupUnderWayError(BackupError):
    """Another process is making a backup of this database."""


async def make_backup(
    dsn: str, shelf: Shelf, key: BackupKey | None, retention: Retention, *, if_due: timedelta | None = None
) -> Made | None:
    """Make a backup; with ``if_due`` only when the last good one is older than that, else None.

    Raises:
        BackupUnderWayError: another process is at it.
        BackupError, OSError, Unavailable: it could not be made; the attempt is written down.
    """
    connection = await connect(dsn, name="backup", statement_timeout_s=STATEMENT_TIMEOUT_S)
    try:
        async with _alone(connection):
            if if_due is not None and not await runs.is_due(connection, if_due):
                return None
            started_at: datetime = await connection.fetchval("SELECT clock_timestamp()")
            try:
                archive = await dump(connection, shelf, key)
            except Exception as error:
                await _note_failure(dsn, started_at, error)
                raise
            manifest = read_manifest(archive)
            await runs.note_good(connection, manifest.made_at, manifest.name, manifest.size_bytes)
            await Ledger(shelf.root, key).renew(connection)
            pruned = await asyncio.to_thread(shelf.prune, manifest.tag, retention)
            log.info("backup_made", name=manifest.name, bytes=manifest.size_bytes, rows=manifest.rows, pruned=len(pruned))
            return Made(manifest, tuple(pruned))
    finally:
        await connection.close()


@asynccontextmanager
async def _alone(connection: DirectConnection) -> AsyncIterator[None]:
    """Hold the lock, or say that somebody else does; a process that dies gives it back with its connection."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", BACKUP_LOCK_KEY):
        raise BackupUnderWayError("Another process is making a backup of this database at the moment.")
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", BACKUP_LOCK_KEY)


async def _note_failure(dsn: str, started_at: datetime, error: Exception) -> None:
    """Write an attempt down that failed; where even that fails, the log and the missing backup say it."""
    log.error("backup_failed", error=f"{type(error).__name__}: {error}")
    with suppress(Exception):
        connection = await connect(dsn, name="backup")
        try:
            await runs.note_failed(connection, started_at, f"{type(error).__name__}: {error}")
        finally:
            await connection.close()
