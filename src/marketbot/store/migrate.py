"""Bring a database's schema up to date from numbered SQL files, beside running processes of the old version."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import structlog

from marketbot.store.pool import DirectConnection, connect

MIGRATIONS = Path(__file__).with_name("migrations")
# "mbot" in ASCII, then 1: the key of the session advisory lock that lets one runner at a time through.
MIGRATION_LOCK_KEY = 0x6D626F74_00000001
RUNNER_WAIT_S = 120.0
RUNNER_POLL_S = 0.1
# A migration that waits for a table lock holds up everybody behind it: give way soon, and try again.
LOCK_TIMEOUT_S = 2.0
LOCK_ATTEMPTS_MAX = 10
LOCK_BACKOFF_S = 0.25
LOCK_BACKOFF_MAX_S = 5.0
STATEMENT_TIMEOUT_S = 300.0

FILE_NAME = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
# "BEGIN;" is a transaction, "BEGIN" alone opens a PL/pgSQL body.
TRANSACTION_COMMAND = re.compile(r"^\s*(begin|start\s+transaction|commit|rollback|end)\s*;", re.IGNORECASE | re.MULTILINE)
BLOCK_END = re.compile(r"\$\w*\$.*?\$\w*\$", re.DOTALL)

CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version     integer     PRIMARY KEY CHECK (version > 0),
    name        text        NOT NULL,
    checksum    text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
)
"""

log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """The files and the database do not fit together, or a migration failed; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file. The checksum is SHA-256 of its text with Unix line ends."""

    version: int
    name: str
    checksum: str
    sql: str

    def __str__(self) -> str:
        return f"{self.version:04d}_{self.name}"


def read_migrations(directory: Path) -> list[Migration]:
    """Read all migrations in order.

    Raises: MigrationError for a stray file name, a gap or a number used twice, or a file that ends our transaction.
    """
    migrations = []
    for path in sorted(directory.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_what_it_does.sql.")
        sql = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        if TRANSACTION_COMMAND.search(BLOCK_END.sub("", sql)):
            raise MigrationError(f"{path.name} begins or ends a transaction; each file already runs in one.")
        checksum = hashlib.sha256(sql.encode()).hexdigest()
        migrations.append(Migration(int(match["version"]), match["name"], checksum, sql))
    for expected, migration in enumerate(migrations, start=1):
        if migration.version != expected:
            raise MigrationError(f"Migration {expected:04d} is missing or its number is used twice (found {migration}).")
    return migrations


def plan(migrations: Sequence[Migration], applied: Sequence[tuple[int, str]]) -> list[Migration]:
    """Return what is still to be applied, given the (version, checksum) pairs that were.

    A database ahead of the files is fine: an older version of the program runs beside a newer one.

    Raises: MigrationError when an applied file has changed since, or the database has a gap.
    """
    checksums = dict(applied)
    last = max(checksums, default=0)
    for version in range(1, last + 1):
        if version not in checksums:
            raise MigrationError(f"The database has migration {last:04d} but not {version:04d}.")
    for migration in migrations[:last]:
        if checksums[migration.version] != migration.checksum:
            raise MigrationError(f"Migration {migration} has changed since it was applied; write a new one instead.")
    return list(migrations[last:])


async def migrate(target: str | DirectConnection, directory: Path = MIGRATIONS, *, up_to: int | None = None) -> list[Migration]:
    """Apply what is missing, each file in its own transaction, and return what was applied. Idempotent.

    `target` is a DSN or a direct connection (not a pooled one: a session advisory lock is held). `up_to` is the last number to apply.

    Raises: MigrationError, Unavailable.
    """
    migrations = read_migrations(directory)[:up_to]
    if not isinstance(target, str):
        return await _migrate(target, migrations)
    connection = await connect(target, name="migrate", statement_timeout_s=STATEMENT_TIMEOUT_S)
    try:
        return await _migrate(connection, migrations)
    finally:
        await connection.close()


async def pending(target: str, directory: Path = MIGRATIONS) -> list[Migration]:
    """Return what `migrate` would apply, changing nothing."""
    connection = await connect(target, name="migrate")
    try:
        exists = await connection.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL")
        return plan(read_migrations(directory), await _applied(connection) if exists else [])
    finally:
        await connection.close()


async def _migrate(connection: DirectConnection, migrations: Sequence[Migration]) -> list[Migration]:
    async with _only_runner(connection):
        await connection.execute(CREATE_TABLE)
        todo = plan(migrations, await _applied(connection))
        for migration in todo:
            await _apply(connection, migration)
            log.info("migration_applied", version=migration.version, name=migration.name)
        return todo


async def _applied(connection: DirectConnection) -> list[tuple[int, str]]:
    rows = await connection.fetch("SELECT version, checksum FROM schema_migration ORDER BY version")
    return [(row["version"], row["checksum"]) for row in rows]


@asynccontextmanager
async def _only_runner(connection: DirectConnection) -> AsyncIterator[None]:
    """Hold the runners' lock. It is polled: a session that waits for it inside a statement keeps a snapshot open."""
    deadline = asyncio.get_running_loop().time() + RUNNER_WAIT_S
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", MIGRATION_LOCK_KEY):
        if asyncio.get_running_loop().time() > deadline:
            raise MigrationError(f"Another process has been migrating this database for {RUNNER_WAIT_S:.0f} s.")
        await asyncio.sleep(RUNNER_POLL_S)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK_KEY)


async def _apply(connection: DirectConnection, migration: Migration) -> None:
    for attempt in range(1, LOCK_ATTEMPTS_MAX + 1):
        try:
            await _apply_once(connection, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if attempt == LOCK_ATTEMPTS_MAX:
                raise MigrationError(
                    f"Migration {migration} could not get its table locks in {LOCK_ATTEMPTS_MAX} attempts; "
                    "a long transaction is in the way."
                ) from error
            log.warning("migration_waits_for_locks", version=migration.version, attempt=attempt)
            await asyncio.sleep(min(LOCK_BACKOFF_S * 2**attempt, LOCK_BACKOFF_MAX_S))
        except (asyncpg.SyntaxOrAccessError, asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            raise MigrationError(f"Migration {migration} failed: {error}") from error
        else:
            return


async def _apply_once(connection: DirectConnection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = {int(LOCK_TIMEOUT_S * 1000)}")
        await connection.execute(f"SET LOCAL statement_timeout = {int(STATEMENT_TIMEOUT_S * 1000)}")
        await connection.execute(migration.sql, timeout=STATEMENT_TIMEOUT_S)
        await connection.execute(
            "INSERT INTO schema_migration (version, name, checksum) VALUES ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.checksum,
        )
