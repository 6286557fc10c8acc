"""The files that pages load: named by their content, so that a browser keeps them for ever and never shows an old one.

Everything is read and hashed once a process; a request looks a name up among what was found, so no path leads out of the folder.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from marketbot.observability.logs import logger

STATIC = Path(__file__).with_name("static")
VENDOR = "vendor/"
PREFIX = "/static"
DIGEST_CHARS = 12
MAX_FILES = 200
"""More in the folder than this is a mistake of the build."""
MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
}
"""What is served at all; a file of another kind is not."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, plain and compressed."""

    name: str
    digest: str
    media_type: str
    content: bytes = field(repr=False)
    compressed: bytes = field(repr=False)

    @property
    def url(self) -> str:
        return f"{PREFIX}/{self.digest}/{self.name}"


class Assets:
    """What is in the folder. A name that is not there has an address all the same, which answers 404: a page is still read."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._found = {asset.name: asset for asset in _read(folder)}
        if not any(name.startswith(VENDOR) for name in self._found):
            log.warning(
                "console_assets_missing", meaning="pages work without scripts and charts until `make console-assets` was run"
            )

    def __repr__(self) -> str:
        return f"<Assets {len(self._found)} of {MAX_FILES}>"

    def url(self, name: str) -> str:
        found = self._found.get(name)
        return f"{PREFIX}/missing/{name}" if found is None else found.url

    def find(self, path: str) -> Asset | None:
        """Return the file of an address below the prefix; None too when it is another version's."""
        digest, _, name = path.lstrip("/").partition("/")
        found = self._found.get(name)
        return found if found is not None and found.digest == digest else None


def _read(folder: Path) -> list[Asset]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in MEDIA_TYPES)
    if len(paths) > MAX_FILES:
        raise ValueError(f"{folder} holds {len(paths)} files, more than {MAX_FILES}")
    return [_asset(path, path.relative_to(folder).as_posix()) for path in paths]


def _asset(path: Path, name: str) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_CHARS]
    return Asset(name, digest, MEDIA_TYPES[path.suffix], content, gzip.compress(content, 9, mtime=0))


@lru_cache(maxsize=1)
def assets() -> Assets:
    """Return the product's own, read once a process."""
    return Assets()
