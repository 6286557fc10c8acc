"""Sealing of API keys, secrets and HMAC keys: AES-256-GCM under one key that lies in a file only its owner can read."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from marketbot.domain.errors import MarketBotError

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
MAX_PLAINTEXT_BYTES = 16 * 1024

_VERSION = b"\x01"


class VaultError(MarketBotError):
    """The key file cannot be used, or a sealed value was not sealed by this key for this place."""


class Vault:
    """Seals and opens small secrets.

    ``aad`` binds a sealed value to its place (user, account, kind): moved to another row it does not open. Two keys are derived
    from the file's: one seals, one makes fingerprints, so a fingerprint tells nothing about what is sealed.
    """

    __slots__ = ("_fingerprint_key", "_sealer")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise VaultError(f"the vault's key has {KEY_BYTES} bytes")
        self._sealer = AESGCM(hmac.digest(key, b"marketbot seal 1", "sha256"))
        self._fingerprint_key = hmac.digest(key, b"marketbot fingerprint 1", "sha256")

    def __repr__(self) -> str:
        return "<Vault>"

    @classmethod
    def from_file(cls, path: Path) -> Vault:
        """Read the key file, making it on first use.

        Raises:
            VaultError: others may read the file, or it holds no key. Lose it and what was sealed is lost: back it up.
        """
        if not path.exists():
            _make_key_file(path)
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(4 * KEY_BYTES)
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise VaultError(f"the key file {path} may be read by others: take their rights away (chmod 600)")
        try:
            key = bytes.fromhex(text.decode("ascii").strip())
        except ValueError:
            raise VaultError(f"the key file {path} holds no key") from None
        return cls(key)

    def seal(self, plaintext: bytes, *, aad: bytes) -> bytes:
        """Return version, nonce and ciphertext in one. Sealing twice gives two different values."""
        if len(plaintext) > MAX_PLAINTEXT_BYTES:
            raise VaultError(f"the vault seals at most {MAX_PLAINTEXT_BYTES} bytes")
        nonce = secrets.token_bytes(NONCE_BYTES)
        return _VERSION + nonce + self._sealer.encrypt(nonce, plaintext, _VERSION + aad)

    def open(self, sealed: bytes, *, aad: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            VaultError: it was changed, moved, or sealed by another key.
        """
        if len(sealed) < 1 + NONCE_BYTES + TAG_BYTES or sealed[:1] != _VERSION:
            raise VaultError("the sealed value has no form that this version knows")
        nonce, ciphertext = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._sealer.decrypt(nonce, ciphertext, _VERSION + aad)
        except InvalidTag:
            raise VaultError("the sealed value was changed, moved, or sealed by another key") from None

    def fingerprint(self, api_key: str) -> bytes:
        """Return a keyed digest: equal for equal keys, and of no use for finding the key."""
        return hmac.digest(self._fingerprint_key, api_key.encode(), "sha256")


def account_aad(user_id: int, fingerprint: bytes, kind: str) -> bytes:
    """Return what an account's ``kind`` ("key" or "secret") is bound to: its user and its API key."""
    return f"account:{user_id}:{fingerprint.hex()}:{kind}".encode()


def _make_key_file(path: Path) -> None:
    """Write a fresh key whole or not at all; of two processes that do it at once, one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
