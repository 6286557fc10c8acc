"""The key that archives are sealed with. It is not the vault's: losing one of the two must not lose both secrets."""

from __future__ import annotations

import hmac
import os
import stat
from pathlib import Path

from marketbot.backup.errors import BackupKeyError

KEY_BYTES = 32
FINGERPRINT_BYTES = 8


class BackupKey:
    """32 random bytes. What is derived from them seals files, authenticates manifests, and names the key."""

    __slots__ = ("_key", "fingerprint")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise BackupKeyError(f"A backup key has {KEY_BYTES} bytes, written as {2 * KEY_BYTES} hexadecimal digits.")
        self._key = key
        self.fingerprint = hmac.digest(key, b"marketbot backup fingerprint 1", "sha256")[:FINGERPRINT_BYTES].hex()

    def __repr__(self) -> str:
        return f"<BackupKey {self.fingerprint}>"

    @classmethod
    def from_file(cls, path: Path) -> BackupKey:
        """Read a key. It is never made here: a key that nobody put away safely would make backups that nobody can open.

        Raises:
            BackupKeyError: there is no such file, others may read it, or it holds no key.
        """
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                text = file.read(4 * KEY_BYTES)
        except OSError as error:
            raise BackupKeyError(f"The backup key file {path} cannot be read ({error.strerror}).") from None
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise BackupKeyError(f"The backup key file {path} may be read by others: take their rights away (chmod 600).")
        try:
            key = bytes.fromhex(text.decode("ascii").strip())
        except ValueError:
            raise BackupKeyError(f"The backup key file {path} holds no key.") from None
        return cls(key)

    def file_key(self, salt: bytes) -> bytes:
        """Return the key of one file; ``salt`` is random and stands in its header, so no two files share one."""
        return hmac.digest(self._key, b"marketbot backup seal 1" + salt, "sha256")

    def authenticate(self, manifest: bytes) -> str:
        """Return what proves that a manifest was written by somebody who has the key."""
        return hmac.digest(hmac.digest(self._key, b"marketbot backup manifest 1", "sha256"), manifest, "sha256").hex()
