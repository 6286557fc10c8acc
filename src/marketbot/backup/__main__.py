"""``python -m marketbot.backup``: make a backup if one is due, for a scheduler that starts it. Exits 0 also when none is."""

from __future__ import annotations

import asyncio
import sys

import structlog

from marketbot.backup.errors import BackupError
from marketbot.backup.key import BackupKey
from marketbot.backup.make import BackupUnderWayError, make_backup
from marketbot.backup.retention import Retention
from marketbot.backup.shelf import Shelf
from marketbot.observability.logs import configure_logs
from marketbot.settings import LogFormat, Settings
from marketbot.store.pool import Unavailable

log = structlog.get_logger(__name__)


async def run(settings: Settings, dsn: str) -> None:
    key = None if settings.backup_key_file is None else BackupKey.from_file(settings.backup_key_file)
    retention = Retention(settings.backup_keep_daily, settings.backup_keep_weekly)
    await make_backup(dsn, Shelf(settings.backup_directory), key, retention, if_due=settings.backup_interval)


def main() -> int:
    settings = Settings()
    configure_logs(level=settings.log_level, console=settings.log_format is LogFormat.CONSOLE, stream=sys.stderr)
    if settings.database_url is None:
        print("The scheduled backup needs DATABASE_URL; `marketbot backup` finds the embedded database.", file=sys.stderr)
        return 2
    try:
        asyncio.run(run(settings, settings.database_url.get_secret_value()))
    except BackupUnderWayError:
        return 0
    except (BackupError, OSError, Unavailable) as error:
        log.error("backup_not_made", error=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
