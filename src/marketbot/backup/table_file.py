"""One table's rows on disk: COPY's text, compressed, sealed when there is a key. Written and read a piece at a time."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from marketbot.backup.errors import BackupDamagedError, BackupKeyError
from marketbot.backup.key import BackupKey
from marketbot.backup.manifest import Manifest, TableFile
from marketbot.backup.seal import Sealer, open_sealed

PIECE_BYTES = 1024 * 1024
"""What is read, compressed or handed on at once."""
COMPRESSION_LEVEL = 1
"""Rows of one table resemble each other: the quickest level already leaves a sixth, and the machine has orders to send."""
GZIP = 31
"""zlib's number for gzip's own format, so that an unsealed file opens with ``gunzip``."""
PLAIN_SUFFIX = ".copy.gz"
SEALED_SUFFIX = ".copy.gz.sealed"


class TableWriter:
    """Writes one new file, private to its owner; call from a thread, for it compresses and writes."""

    def __init__(self, directory: Path, table: str, key: BackupKey | None, archive: str) -> None:
        self.file = table + (PLAIN_SUFFIX if key is None else SEALED_SUFFIX)
        descriptor = os.open(directory / self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._out = os.fdopen(descriptor, "wb")
        self._digest = hashlib.sha256()
        self._bytes = 0
        self._packer = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, GZIP)
        self._sealer = None if key is None else Sealer(self._put, key, _place(archive, self.file))

    def write(self, rows: bytes) -> None:
        self._seal(self._packer.compress(rows))

    def finish(self, table: str, columns: tuple[str, ...], rows: int) -> TableFile:
        """End the file, have it on the disk, and return its entry."""
        self._seal(self._packer.flush())
        if self._sealer is not None:
            self._sealer.close()
        self._out.flush()
        os.fsync(self._out.fileno())
        return TableFile(table, columns, rows, self.file, self._bytes, self._digest.hexdigest())

    def close(self) -> None:
        self._out.close()

    def _seal(self, packed: bytes) -> None:
        if self._sealer is None:
            self._put(packed)
        else:
            self._sealer.write(packed)

    def _put(self, data: bytes) -> None:
        self._out.write(data)
        self._digest.update(data)
        self._bytes += len(data)


def check_file(archive: Path, entry: TableFile) -> None:
    """Hold a file against its entry.

    Raises:
        BackupDamagedError: it is missing, or not what was written.
    """
    digest = hashlib.sha256()
    try:
        with (archive / entry.file).open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
            size = file.tell()
    except OSError as error:
        raise BackupDamagedError(f"{entry.file} cannot be read ({error.strerror}).") from None
    if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
        raise BackupDamagedError(f"{entry.file} is not what was written: its size or checksum differs from the manifest's.")


def read_rows(archive: Path, manifest: Manifest, entry: TableFile, key: BackupKey | None) -> Iterator[bytes]:
    """Yield a table's rows in pieces.

    Raises:
        BackupDamagedError, BackupKeyError: the file cannot be opened to its end.
    """
    with (archive / entry.file).open("rb") as file:
        packed: Iterable[bytes]
        if manifest.key_fingerprint is None:
            packed = iter(lambda: file.read(PIECE_BYTES), b"")
        elif key is None:
            raise BackupKeyError(f"{entry.file} is sealed, and there is no key.")
        else:
            packed = open_sealed(file, key, _place(manifest.name, entry.file))
        yield from _unpack(packed, entry.file)


def _unpack(packed: Iterable[bytes], name: str) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(GZIP)
    try:
        for piece in packed:
            rest = piece
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, PIECE_BYTES)
                rest = unpacker.unconsumed_tail
            if rest or unpacker.unused_data:
                raise BackupDamagedError(f"{name} goes on behind its end.")
    except zlib.error:
        raise BackupDamagedError(f"{name} does not unpack.") from None
    if not unpacker.eof:
        raise BackupDamagedError(f"{name} ends too early.")


def _place(archive: str, file: str) -> str:
    return f"{archive}/{file}"
