"""Values under a data key: version, the data key's number, nonce, ciphertext. What the vault itself sealed before is version 1."""

from __future__ import annotations

import secrets
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from marketbot.vault.vault import MAX_PLAINTEXT_BYTES, NONCE_BYTES, TAG_BYTES, VaultError

KEY_ID_BYTES = 8
_VERSION = b"\x02"
_HEADER_BYTES = 1 + KEY_ID_BYTES


class Part(StrEnum):
    """What of an account's credential a sealed value is."""

    KEY = "key"
    SECRET = "secret"  # noqa: S105
    PASSPHRASE = "passphrase"  # noqa: S105


def credential_aad(user_id: int, account_id: int, fingerprint: bytes, part: Part) -> bytes:
    """Return what a part of a credential is bound to: its user, its account, and the API key it belongs with."""
    return f"credential:{user_id}:{account_id}:{fingerprint.hex()}:{part}".encode()


def data_key_aad(user_id: int) -> bytes:
    """Return what a wrapped data key is bound to."""
    return f"data-key:{user_id}".encode()


def seal_value(key_id: int, key: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
    """Seal a value under a data key. Sealing twice gives two different values."""
    if len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise VaultError(f"at most {MAX_PLAINTEXT_BYTES} bytes are sealed in one")
    header, nonce = _VERSION + key_id.to_bytes(KEY_ID_BYTES, "big"), secrets.token_bytes(NONCE_BYTES)
    return header + nonce + AESGCM(key).encrypt(nonce, plaintext, header + aad)


def open_value(key: bytes, sealed: bytes, *, aad: bytes) -> bytes:
    """Return what was sealed.

    Raises:
        VaultError: it was changed, moved, or sealed by another key.
    """
    if len(sealed) < _HEADER_BYTES + NONCE_BYTES + TAG_BYTES or sealed[:1] != _VERSION:
        raise VaultError("the sealed value has no form that this version knows")
    header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
    try:
        return AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], header + aad)
    except InvalidTag:
        raise VaultError("the sealed value was changed, moved, or sealed by another key") from None


def data_key_of(sealed: bytes) -> int | None:
    """Return the number of the data key that sealed a value; None for one that the vault sealed, and for nothing."""
    return int.from_bytes(sealed[1:_HEADER_BYTES], "big") if len(sealed) > _HEADER_BYTES and sealed[:1] == _VERSION else None
