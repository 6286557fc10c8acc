"""What goes wrong with backups, apart from the database being away."""

from __future__ import annotations

from marketbot.domain.errors import MarketBotError


class BackupError(MarketBotError):
    """A backup cannot be made, or cannot be used here."""


class BackupDamagedError(BackupError):
    """What lies in the archive is not what was written there."""


class BackupKeyError(BackupError):
    """The key file cannot be used, or is not the one that the archive was sealed with."""


class RestoreRefusedError(BackupError):
    """The database must not be restored into as it stands."""
