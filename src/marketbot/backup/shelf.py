"""The directory that holds the archives. One is written under a draft's name and gets its own when it is complete."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from marketbot.backup.errors import BackupDamagedError, BackupError
from marketbot.backup.manifest import MAX_MANIFEST_BYTES, Manifest, parse
from marketbot.backup.retention import Retention, kept

MANIFEST = "manifest.json"
LATEST = "latest"
_NAME = re.compile(r"\d{8}T\d{9}Z-[0-9a-z]{6}")
_DRAFT = ".draft-"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Archives below ``root``, each a directory of mode 0700 with files of mode 0600. Several installations may share it."""

    root: Path

    @staticmethod
    def name_for(made_at: datetime, tag: str) -> str:
        """Return an archive's name: names sort by time."""
        at = made_at.astimezone(UTC)
        return f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z-{tag}"

    def begin(self, name: str) -> Path:
        """Make the directory that an archive is written into; nobody takes it for an archive."""
        self.root.mkdir(parents=True, mode=0o700, exist_ok=True)
        draft = self.root / f"{_DRAFT}{name}"
        draft.mkdir(mode=0o700)
        return draft

    def complete(self, draft: Path, manifest: Manifest) -> Path:
        """Write the manifest, have everything on the disk, and give the archive its name: the one step that makes it exist."""
        descriptor = os.open(draft / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(manifest.render())
            file.flush()
            os.fsync(file.fileno())
        _sync(draft)
        archive = self.root / manifest.name
        if archive.exists():
            raise BackupError(f"There is an archive {manifest.name} already.")
        draft.rename(archive)
        _sync(self.root)
        return archive

    def clear_drafts(self, tag: str) -> None:
        """Remove what an interrupted backup of this installation left. Its lock must be held: no other is being made."""
        for draft in self.root.glob(f"{_DRAFT}*-{tag}"):
            shutil.rmtree(draft, ignore_errors=True)

    def names(self) -> list[str]:
        """Return the archives' names, the newest first."""
        if not self.root.is_dir():
            return []
        return sorted((path.name for path in self.root.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()), reverse=True)

    def find(self, name: str) -> Path:
        """Return an archive's directory; ``latest`` is the newest.

        Raises:
            BackupError: there is none of that name.
        """
        if name == LATEST:
            names = self.names()
            if not names:
                raise BackupError(f"There is no backup in {self.root}.")
            name = names[0]
        if not _NAME.fullmatch(name) or not (self.root / name).is_dir():
            raise BackupError(f"There is no backup {name} in {self.root}.")
        return self.root / name

    def prune(self, tag: str, retention: Retention) -> list[str]:
        """Remove this installation's archives that need not be kept, and return their names. One that cannot be read is left alone."""
        mine: dict[datetime, str] = {}
        for name in self.names():
            try:
                manifest = read_manifest(self.root / name)
            except BackupDamagedError:
                continue
            if manifest.tag == tag:
                mine[manifest.made_at] = name
        stay = kept(mine, retention)
        gone = [name for made_at, name in mine.items() if made_at not in stay]
        for name in gone:
            # Under a draft's name first: an archive that is half removed must not be taken for one either.
            doomed = self.root / f"{_DRAFT}gone-{name}"
            (self.root / name).rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
        return gone


def read_manifest(archive: Path) -> Manifest:
    """Read an archive's manifest.

    Raises:
        BackupDamagedError: there is none, it cannot be read, or it is another archive's.
    """
    try:
        with (archive / MANIFEST).open("rb") as file:
            text = file.read(MAX_MANIFEST_BYTES)
    except OSError as error:
        raise BackupDamagedError(f"{archive.name} has no manifest that can be read ({error.strerror}).") from None
    manifest = parse(text)
    if manifest.name != archive.name:
        raise BackupDamagedError(f"{archive.name} holds the manifest of {manifest.name}.")
    if any(Path(entry.file).name != entry.file for entry in manifest.tables):
        raise BackupDamagedError(f"The manifest of {archive.name} names files elsewhere.")
    return manifest


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
