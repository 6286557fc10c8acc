"""What an archive says about itself. Pure: bytes in, values out, and back."""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from marketbot.backup.errors import BackupDamagedError, BackupKeyError
from marketbot.backup.key import BackupKey

FORMAT = 1
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_UNPLANNED_NAMED = 100


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table's rows. ``bytes`` and ``sha256`` are of the file as it lies there, compressed and perhaps sealed."""

    table: str
    columns: tuple[str, ...]
    rows: int
    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything was read in one snapshot, taken at ``made_at``; sequences a little later, which only makes them larger."""

    name: str
    made_at: datetime
    took_s: float
    server_version: str
    database_bytes: int
    tag: str
    profile: str
    migrations: tuple[tuple[int, str], ...]
    """(number, checksum) of each that the schema had."""
    last_signal_id: int
    unplanned_signals: tuple[int, ...]
    """Signals taken whose planning was not over; almost always none, see ``dump``."""
    tables: tuple[TableFile, ...]
    sequences: tuple[tuple[str, int], ...]
    key_fingerprint: str | None = None
    """Of the key that the files are sealed with; None when they are not."""
    mac: str | None = None
    format: int = FORMAT

    @property
    def size_bytes(self) -> int:
        return sum(table.bytes for table in self.tables)

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def migration(self) -> int:
        """Return the schema's number."""
        return max((number for number, _ in self.migrations), default=0)

    def authenticated(self, key: BackupKey | None) -> Manifest:
        """Return the manifest with the proof that ``key``'s holder wrote it; without a key as it is."""
        return self if key is None else replace(self, mac=key.authenticate(self._proven()))

    def check_key(self, key: BackupKey | None) -> None:
        """Make sure that ``key`` opens this archive and that nobody without it wrote the manifest.

        Raises:
            BackupKeyError: a key is missing, or is another one.
            BackupDamagedError: the manifest was changed.
        """
        if self.key_fingerprint is None:
            return
        if key is None:
            raise BackupKeyError(f"{self.name} is sealed with the key {self.key_fingerprint}: set MARKETBOT_BACKUP_KEY_FILE.")
        if key.fingerprint != self.key_fingerprint:
            raise BackupKeyError(
                f"{self.name} is sealed with the key {self.key_fingerprint}, and the one at hand is {key.fingerprint}."
            )
        if self.mac is None or not hmac.compare_digest(self.mac, key.authenticate(self._proven())):
            raise BackupDamagedError(f"The manifest of {self.name} was changed after it was written.")

    def render(self) -> bytes:
        return json.dumps(_document(self), indent=2, sort_keys=True).encode() + b"\n"

    def _proven(self) -> bytes:
        return json.dumps(_document(replace(self, mac=None)), sort_keys=True, separators=(",", ":")).encode()


def parse(text: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BackupDamagedError: it is none, or of a format that this version does not know.
    """
    try:
        document: dict[str, Any] = json.loads(text)
        if document["format"] != FORMAT:
            raise BackupDamagedError(f"The archive is of format {document['format']}; this version reads format {FORMAT}.")
        return Manifest(
            **document
            | {
                "made_at": datetime.fromisoformat(document["made_at"]),
                "migrations": tuple((int(number), str(checksum)) for number, checksum in document["migrations"]),
                "unplanned_signals": tuple(document["unplanned_signals"]),
                "tables": tuple(TableFile(**each | {"columns": tuple(each["columns"])}) for each in document["tables"]),
                "sequences": tuple((str(name), int(value)) for name, value in document["sequences"]),
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BackupDamagedError(f"The manifest cannot be read ({type(error).__name__}).") from None


def _document(manifest: Manifest) -> dict[str, Any]:
    return asdict(manifest) | {"made_at": manifest.made_at.isoformat()}
