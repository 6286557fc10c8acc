"""Boxes: whoever has the public half seals, only the private half opens. X25519, HKDF-SHA-256, AES-256-GCM.

The sender's half of the exchange is made for one box and forgotten, so not even the process that sealed a box can open it again.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from marketbot.vault.vault import KEY_BYTES, MAX_PLAINTEXT_BYTES, NONCE_BYTES, TAG_BYTES, VaultError

PUBLIC_BYTES = 32
_VERSION = b"\x01"


def make_pair() -> tuple[bytes, bytes]:
    """Return a private and a public half, 32 raw bytes each."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), private.public_key().public_bytes_raw()


def seal_box(public: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
    """Return version, the sender's public half, nonce and ciphertext in one."""
    if len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise VaultError(f"a box holds at most {MAX_PLAINTEXT_BYTES} bytes")
    sender = X25519PrivateKey.generate()
    own = sender.public_key().public_bytes_raw()
    key = _key(sender.exchange(X25519PublicKey.from_public_bytes(public)), own, public)
    nonce = secrets.token_bytes(NONCE_BYTES)
    return _VERSION + own + nonce + AESGCM(key).encrypt(nonce, plaintext, _VERSION + aad)


def open_box(private: bytes, sealed: bytes, *, aad: bytes) -> bytes:
    """Return what a box holds.

    Raises:
        VaultError: it was changed, moved, or sealed to another pair.
    """
    if len(sealed) < 1 + PUBLIC_BYTES + NONCE_BYTES + TAG_BYTES or sealed[:1] != _VERSION:
        raise VaultError("the box has no form that this version knows")
    sender, rest = sealed[1 : 1 + PUBLIC_BYTES], sealed[1 + PUBLIC_BYTES :]
    receiver = X25519PrivateKey.from_private_bytes(private)
    try:
        shared = receiver.exchange(X25519PublicKey.from_public_bytes(sender))
        key = _key(shared, sender, receiver.public_key().public_bytes_raw())
        return AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], _VERSION + aad)
    except (InvalidTag, ValueError):  # ValueError: a sender's half of low order
        raise VaultError("the box was changed, moved, or sealed to another pair") from None


def _key(shared: bytes, sender: bytes, receiver: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"marketbot box 1" + sender + receiver).derive(shared)
