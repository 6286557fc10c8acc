"""The job that erases whoever asked for it, when the wait is over and nothing of theirs is open any more."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import structlog

from marketbot.backup.erased import Ledger
from marketbot.backup.errors import BackupError
from marketbot.backup.key import BackupKey
from marketbot.jobs.kinds import Kind
from marketbot.privacy.erasing import erase_due
from marketbot.store.jobs import ClaimedJob
from marketbot.store.pool import Pool
from marketbot.vault.vault import Vault

NAME = "erasures"
EVERY = timedelta(minutes=1)

log = structlog.get_logger(__name__)


def erasures_kind(pool: Pool, vault: Vault, backups: Path, backup_key_file: Path | None) -> Kind:
    """Return the kind; whom it erased is noted beside the backups, where this machine has them."""

    async def erase(_job: ClaimedJob) -> None:
        if await erase_due(pool, vault) and await asyncio.to_thread(backups.is_dir):
            try:
                await _note(pool, backups, backup_key_file)
            except (BackupError, OSError) as error:
                # The erasure is done all the same, and the next backup notes it.
                log.warning("erased_not_noted", error=f"{type(error).__name__}: {error}")

    return Kind(NAME, erase, every=EVERY)


async def _note(pool: Pool, backups: Path, backup_key_file: Path | None) -> None:
    key = None if backup_key_file is None else await asyncio.to_thread(BackupKey.from_file, backup_key_file)
    async with pool.acquire() as connection:
        await Ledger(backups, key).renew(connection)
