"""A command's way to the database: the running service's, one given by its URL, or the embedded one for as long as it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import ValidationError

from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.domain.venue import Profile
from marketbot.settings import Settings
from marketbot.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from marketbot.store.installation import open_installation
from marketbot.store.migrate import MigrationError, migrate, pending
from marketbot.store.pool import Connection, Unavailable, connect, is_unavailable
from marketbot.supervisor.endpoints import Endpoints

CLUSTER_MARK = "cluster/PG_VERSION"


@dataclass(frozen=True, slots=True)
class StoreSession:
    """One connection for one command."""

    connection: Connection
    settings: Settings
    dsn: str
    profile: Profile


def read_settings() -> Settings:
    """Read the settings, or say which one is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors(include_input=False)]
        raise CommandFailed(FailureReason.SETTINGS_INVALID, "; ".join(lines), exit_code=EXIT_USAGE) from None


def egresses_of(settings: Settings) -> int:
    """Return how many source addresses the service uses: the running one's, else those of our own settings."""
    running = Endpoints.read(settings.data_dir)
    return max(1, len((settings if running is None else running).egress_addresses))


@asynccontextmanager
async def open_store(settings: Settings, *, create: bool = False) -> AsyncIterator[StoreSession]:
    """Give a command its connection. ``create`` makes a database where there is none; others only look at what there is.

    Raises:
        CommandFailed: there is no database, or it cannot be reached or used.
    """
    async with _database(settings, create=create) as dsn:
        try:
            if create:
                await migrate(dsn)
            elif await pending(dsn):
                raise CommandFailed(
                    FailureReason.STORE_OUTDATED, "The database's schema is older than this version: start `marketbot up` once."
                )
            connection = await connect(dsn, name="command")
        except (Unavailable, MigrationError, ValueError) as error:
            raise CommandFailed(FailureReason.STORE_UNAVAILABLE, str(error)) from error
        try:
            yield StoreSession(connection, settings, dsn, await _profile(connection, settings, create=create))
        except Exception as error:
            if not is_unavailable(error):
                raise
            raise CommandFailed(
                FailureReason.STORE_UNAVAILABLE, f"The database went away ({type(error).__name__}); try again."
            ) from error
        finally:
            await connection.close()


@asynccontextmanager
async def _database(settings: Settings, *, create: bool) -> AsyncIterator[str]:
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    try:
        known = (settings.data_dir / CLUSTER_MARK).exists() or create
    except PermissionError:
        known = True
    if not known:
        raise CommandFailed(
            FailureReason.NOTHING_HERE,
            f"There is no installation in {settings.data_dir} yet: start `marketbot up`, add a source, or give another --data-dir.",
        )
    server = EmbeddedPostgres(settings.data_dir)
    try:
        dsn = await server.start()
    except EmbeddedPostgresError as error:
        raise CommandFailed(FailureReason.STORE_UNAVAILABLE, error.sentence) from error
    try:
        yield dsn
    finally:
        await server.stop()


async def _profile(connection: Connection, settings: Settings, *, create: bool) -> Profile:
    found = await connection.fetchval("SELECT profile FROM installation")
    if found is not None:
        return Profile(found)
    if create:
        return (await open_installation(connection, settings.profile)).profile
    return settings.profile
