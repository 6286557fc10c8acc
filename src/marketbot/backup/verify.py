"""Prove a backup by restoring it: into a server of its own, counted, its books checked, its sealed keys tried."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from marketbot.accounts.safe import Safe, safe_in
from marketbot.audit.books import BookFinding, check_books
from marketbot.backup.dump import STATEMENT_TIMEOUT_S
from marketbot.backup.errors import BackupError
from marketbot.backup.key import BackupKey
from marketbot.backup.load import check_files, load
from marketbot.backup.manifest import Manifest
from marketbot.backup.restore import check_migrations
from marketbot.backup.scratch import scratch_server
from marketbot.backup.tables import migrations, quoted
from marketbot.domain.ids import AccountId
from marketbot.store.accounts import sealed_keys
from marketbot.store.migrate import MigrationError, migrate
from marketbot.store.pool import DirectConnection, connect
from marketbot.vault.kek import KekMissing, NoKek
from marketbot.vault.vault import Vault, VaultError

MAX_KEYS_TRIED = 1_000
"""Accounts whose sealed keys are opened: the vault's key is one for all, so a few would do; a thousand also finds what is damaged."""

_KEYS = f"SELECT account_id FROM account WHERE api_secret_sealed <> '' ORDER BY account_id LIMIT {MAX_KEYS_TRIED}"


@dataclass(frozen=True, slots=True)
class KeysTried:
    """How many accounts' sealed keys the vault key at hand opens. ``at_hand`` is False when there is no vault key here."""

    at_hand: bool
    tried: int = 0
    opened: int = 0


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it. ``faults`` are sentences; without any the backup can be relied on."""

    manifest: Manifest
    rows: int
    findings: tuple[BookFinding, ...]
    keys: KeysTried
    faults: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not self.faults


async def verify(archive: Path, manifest: Manifest, key: BackupKey | None, *, scratch: Path, vault_key_file: Path) -> Verified:
    """Restore an archive into a scratch server below ``scratch`` and hold it against its manifest and against the books' rules.

    Raises:
        BackupError: the archive cannot be read at all: damaged, another key, a newer version's.
        EmbeddedPostgresError: the scratch server does not run here.
    """
    manifest.check_key(key)
    check_migrations(manifest)
    await check_files(archive, manifest)
    async with scratch_server(scratch) as server:
        connection = await connect(server.dsn, name="verify", statement_timeout_s=STATEMENT_TIMEOUT_S)
        try:
            return await _prove(connection, archive, manifest, key, vault_key_file)
        finally:
            await connection.close()


async def _prove(
    connection: DirectConnection, archive: Path, manifest: Manifest, key: BackupKey | None, vault_key_file: Path
) -> Verified:
    await migrate(connection, up_to=manifest.migration)
    async with connection.transaction():
        await load(connection, archive, manifest, key)
    # Our sessions avoid reading whole tables, which is just what is wanted now; and what was loaded has no statistics yet.
    await connection.execute("SET enable_seqscan = on")
    await connection.execute("SET plan_cache_mode = auto")
    await connection.execute("ANALYZE")
    faults = []
    rows = 0
    for entry in manifest.tables:
        found = await connection.fetchval(f"SELECT count(*) FROM {quoted(entry.table)}")
        rows += found
        if found != entry.rows:
            faults.append(f"{entry.table} has {found} rows, and {entry.rows} by the manifest.")
    if tuple(await migrations(connection)) != manifest.migrations:
        faults.append("The restored schema is not the one that the manifest names.")
    findings = tuple(await check_books(connection))
    faults += [f"The books: {each.rule} {each.count} times ({'; '.join(each.examples)})." for each in findings]
    try:
        await migrate(connection)
    except (MigrationError, asyncpg.PostgresError) as error:
        faults.append(f"It cannot be brought to this version's schema: {error}")
        return Verified(manifest, rows, findings, KeysTried(at_hand=False), tuple(faults))
    keys = await _try_keys(connection, vault_key_file)
    if keys.opened < keys.tried:
        faults.append(
            f"The keys at hand open {keys.opened} of {keys.tried} sealed account keys: they are not those they were sealed with."
        )
    return Verified(manifest, rows, findings, keys, tuple(faults))


async def _try_keys(connection: DirectConnection, vault_key_file: Path) -> KeysTried:
    if not await asyncio.to_thread(vault_key_file.exists):
        return KeysTried(at_hand=False)
    try:
        safe = _safe(vault_key_file)
    except VaultError as error:
        raise BackupError(str(error)) from error
    accounts = [AccountId(row["account_id"]) for row in await connection.fetch(_KEYS)]
    opened = 0
    for sealed, keys in await sealed_keys(connection, accounts):
        try:
            safe.open(await safe.open_keys(keys), sealed)
        except VaultError:
            continue
        opened += 1
    return KeysTried(at_hand=True, tried=len(accounts), opened=opened)


def _safe(vault_key_file: Path) -> Safe:
    """Open the safe with the keys at hand. Without a key-encryption key, what the vault sealed in earlier versions still opens."""
    try:
        return safe_in(vault_key_file.parent, make=False)
    except KekMissing:
        return Safe(Vault.from_file(vault_key_file), NoKek())


async def try_keys(dsn: str, vault_key_file: Path) -> KeysTried:
    """Try the vault key at hand on the accounts of a database; a restore tells whether its accounts can trade."""
    connection = await connect(dsn, name="verify")
    try:
        return await _try_keys(connection, vault_key_file)
    finally:
        await connection.close()
