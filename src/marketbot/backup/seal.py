"""Sealing of files of any size, in frames, so that neither side ever holds more than one of them.

Layout: a header (magic, salt, the key's fingerprint), then frames of AES-256-GCM. A frame's nonce is its number under a key that is
the file's own. Its additional data are header, number, whether it is the last, and the file's place (archive and name): a frame that is
missing, moved, repeated or from another file does not open, nor does a file that ends before its last frame.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from marketbot.backup.errors import BackupDamagedError, BackupKeyError
from marketbot.backup.key import FINGERPRINT_BYTES, BackupKey

FRAME_BYTES = 1024 * 1024
"""Plaintext in one frame; the last one holds what is left."""
MAX_FRAMES = 1 << 32
"""Under one key GCM stays safe for 2**32 messages; at a mebibyte each that is four pebibytes."""

MAGIC = b"MBBACKUP1\n"
SALT_BYTES = 16
TAG_BYTES = 16
_FRAME_HEAD = struct.Struct(">BI")
_PLACE = struct.Struct(">QB")
_HEADER_BYTES = len(MAGIC) + SALT_BYTES + FINGERPRINT_BYTES


class Sealer:
    """Takes plaintext in pieces of any size and hands sealed bytes to ``write``; nothing is complete before ``close``."""

    def __init__(self, write: Callable[[bytes], object], key: BackupKey, place: str) -> None:
        self._write = write
        salt = secrets.token_bytes(SALT_BYTES)
        header = MAGIC + salt + bytes.fromhex(key.fingerprint)
        self._cipher = AESGCM(key.file_key(salt))
        self._bound = header + place.encode()
        self._frames = 0
        self._held = bytearray()
        write(header)

    def write(self, plaintext: bytes) -> None:
        self._held += plaintext
        # The last full frame is kept back: only the end tells which frame is the last.
        while len(self._held) > FRAME_BYTES:
            self._seal(bytes(self._held[:FRAME_BYTES]), last=False)
            del self._held[:FRAME_BYTES]

    def close(self) -> None:
        self._seal(bytes(self._held), last=True)
        self._held.clear()

    def _seal(self, plaintext: bytes, *, last: bool) -> None:
        if self._frames >= MAX_FRAMES:
            raise OverflowError("one file of a backup holds at most four pebibytes")
        sealed = self._cipher.encrypt(_nonce(self._frames), plaintext, self._bound + _PLACE.pack(self._frames, last))
        self._write(_FRAME_HEAD.pack(last, len(sealed)))
        self._write(sealed)
        self._frames += 1


def open_sealed(file: BinaryIO, key: BackupKey, place: str) -> Iterator[bytes]:
    """Yield a sealed file's plaintext frame by frame; each is proven before it is handed out.

    Raises:
        BackupKeyError: it was sealed with another key.
        BackupDamagedError: it was changed, cut short, put into another order, or belongs elsewhere.
    """
    header = file.read(_HEADER_BYTES)
    if len(header) != _HEADER_BYTES or not header.startswith(MAGIC):
        raise BackupDamagedError(f"{place} does not begin like a sealed file.")
    salt = header[len(MAGIC) : len(MAGIC) + SALT_BYTES]
    fingerprint = header[-FINGERPRINT_BYTES:].hex()
    if fingerprint != key.fingerprint:
        raise BackupKeyError(f"{place} was sealed with the key {fingerprint}, and the one at hand is {key.fingerprint}.")
    cipher = AESGCM(key.file_key(salt))
    last = frames = 0
    while not last:
        last, length = _read_head(file, place)
        sealed = file.read(length)
        if len(sealed) != length:
            raise BackupDamagedError(f"{place} ends within frame {frames}.")
        try:
            plaintext = cipher.decrypt(_nonce(frames), sealed, header + place.encode() + _PLACE.pack(frames, last))
        except (InvalidTag, ValueError):
            raise BackupDamagedError(f"{place} was changed or cut short in frame {frames}.") from None
        frames += 1
        yield plaintext
    if file.read(1):
        raise BackupDamagedError(f"{place} goes on behind its end.")


def _read_head(file: BinaryIO, place: str) -> tuple[int, int]:
    head = file.read(_FRAME_HEAD.size)
    if len(head) != _FRAME_HEAD.size:
        raise BackupDamagedError(f"{place} ends before its last frame.")
    last, length = _FRAME_HEAD.unpack(head)
    if last > 1 or not TAG_BYTES <= length <= FRAME_BYTES + TAG_BYTES:
        raise BackupDamagedError(f"{place} holds a frame of an impossible size.")
    return last, length


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")
