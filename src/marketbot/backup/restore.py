"""Bring a backup back into a database that holds nothing, or beside what it held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from marketbot.backup.aftermath import Aftermath, prepare
from marketbot.backup.dump import STATEMENT_TIMEOUT_S
from marketbot.backup.erased import Ledger, erase_again
from marketbot.backup.errors import BackupError, RestoreRefusedError
from marketbot.backup.key import BackupKey
from marketbot.backup.load import check_files, load
from marketbot.backup.manifest import Manifest
from marketbot.backup.tables import migrations, quoted, tables
from marketbot.domain.audit_entry import Action, Actor, ActorKind, AuditEntry
from marketbot.domain.venue import Profile
from marketbot.store.audit_trail import record
from marketbot.store.migrate import MIGRATIONS, migrate, read_migrations
from marketbot.store.pool import DirectConnection, connect

SYSTEM = Actor(ActorKind.SYSTEM)
REPLACED_PREFIX = "replaced_"

# Every process of ours says its name; the migrations' runner and our own session are no service.
_AT_WORK = """
SELECT DISTINCT application_name FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'marketbot %' AND pid <> pg_backend_pid() ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back. ``kept_schema`` holds what the database held before, untouched, when it was replaced."""

    manifest: Manifest
    aftermath: Aftermath
    kept_schema: str | None
    erased_again: int
    """People and users who were erased after the backup was made, and are again."""


def check_migrations(manifest: Manifest, directory: Path = MIGRATIONS) -> None:
    """Make sure that this version can make the schema that the archive was written from.

    Raises:
        BackupError: the archive is of a newer version, or of another program's schema.
    """
    ours = {migration.version: migration.checksum for migration in read_migrations(directory)}
    if manifest.migration > len(ours):
        raise BackupError(
            f"{manifest.name} has schema {manifest.migration} and this version knows {len(ours)}: use the version that made it, or a"
            " newer one."
        )
    if any(ours[number] != checksum for number, checksum in manifest.migrations):
        raise BackupError(f"{manifest.name} was made from another schema than this version's.")


async def restore(
    dsn: str,
    archive: Path,
    manifest: Manifest,
    key: BackupKey | None,
    profile: Profile,
    *,
    replace: bool = False,
    actor: Actor = SYSTEM,
) -> Restored:
    """Restore an archive and bring its schema up to date. The service must not run.

    Whoever was erased since the backup was made, by the ledger beside it, is erased again before anything can read the books. With
    ``replace`` what the database holds is set aside in a schema of another name, not deleted. Whatever fails, the database
    is afterwards as it was.

    Raises:
        RestoreRefusedError: the database is in use, holds something, or is the other profile's.
        BackupError, MigrationError, Unavailable: the archive or the database cannot be used.
    """
    manifest.check_key(key)
    check_migrations(manifest)
    if manifest.profile != profile.value:
        raise RestoreRefusedError(f"{manifest.name} is of a {manifest.profile} installation, and this is a {profile} one.")
    await check_files(archive, manifest)
    erased = await asyncio.to_thread(Ledger(archive.parent, None if manifest.key_fingerprint is None else key).read, manifest.tag)
    connection = await connect(dsn, name="restore", statement_timeout_s=STATEMENT_TIMEOUT_S)
    try:
        await _refuse_while_at_work(connection)
        async with _empty_schema(connection, replace=replace) as kept_schema:
            await migrate(connection, up_to=manifest.migration)
            async with connection.transaction():
                await load(connection, archive, manifest, key)
                aftermath = await prepare(connection, manifest)
            await migrate(connection)
            async with connection.transaction():
                again = await erase_again(connection, erased)
                facts = {
                    "rows": manifest.rows,
                    "schema": manifest.migration,
                    "replaced": kept_schema is not None,
                    "erased_again": again,
                }
                await record(connection, AuditEntry(Action.RESTORED, actor, "backup", manifest.name, facts))
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return Restored(manifest, aftermath, kept_schema, again)


async def _refuse_while_at_work(connection: DirectConnection) -> None:
    names = [row["application_name"] for row in await connection.fetch(_AT_WORK)]
    if names:
        raise RestoreRefusedError(f"The database is in use ({', '.join(names)}): stop the service first, on every machine.")


@asynccontextmanager
async def _empty_schema(connection: DirectConnection, *, replace: bool) -> AsyncIterator[str | None]:
    """Make room for a schema of the archive's age, and put back what was there when the loading fails."""
    present = await tables(connection)
    is_ours = bool(await migrations(connection))
    if present and not is_ours:
        raise RestoreRefusedError("The database holds tables of something else: give MarketBot a database of its own.")
    holds_rows = is_ours and [
        table.name for table in present if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {quoted(table.name)})")
    ]
    if holds_rows and not replace:
        raise RestoreRefusedError(
            "The database is not empty. Restore into another one, or set what it holds aside with --replace."
        )
    schema = await connection.fetchval("SELECT current_schema()")
    aside = REPLACED_PREFIX + await connection.fetchval("SELECT to_char(clock_timestamp(), 'YYYYMMDD_HH24MISS_MS')")
    async with connection.transaction():
        await connection.execute(f"ALTER SCHEMA {quoted(schema)} RENAME TO {aside}")
        await _create_schema(connection, schema)
    try:
        yield aside if holds_rows else None
    except BaseException:
        if not connection.is_closed():
            async with connection.transaction():
                await connection.execute(f"DROP SCHEMA {quoted(schema)} CASCADE")
                await connection.execute(f"ALTER SCHEMA {aside} RENAME TO {quoted(schema)}")
        raise
    if not holds_rows:
        await connection.execute(f"DROP SCHEMA {aside} CASCADE")


async def _create_schema(connection: DirectConnection, schema: str) -> None:
    await connection.execute(f"CREATE SCHEMA {quoted(schema)}")
    await connection.execute(f"GRANT USAGE ON SCHEMA {quoted(schema)} TO PUBLIC")
