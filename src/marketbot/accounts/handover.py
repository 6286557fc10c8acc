"""What lies in a box: a key on its way from a user to the engines, and what binds it to its place."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from marketbot.vault.vault import VaultError

PAIR_AAD = b"box-key"
"""What the halves of a pair are sealed and wrapped for."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """A credential in clear. Python cannot wipe memory: it is dropped, not overwritten."""

    api_key: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    passphrase: bytes | None = field(default=None, repr=False)


def box_aad(box_key_id: int, user_id: int, account_id: int, fingerprint: bytes) -> bytes:
    """Return what a box is bound to: its pair, user, account and key."""
    return f"key-box:{box_key_id}:{user_id}:{account_id}:{fingerprint.hex()}".encode()


def write_content(api_key: str, secret: str, passphrase: str | None) -> bytes:
    return orjson.dumps({"api_key": api_key, "api_secret": secret, "passphrase": passphrase})


def read_content(content: bytes) -> Secrets:
    """Read what a box held.

    Raises:
        VaultError: it is nothing of ours.
    """
    try:
        found = orjson.loads(content)
        passphrase = found["passphrase"]
        return Secrets(
            found["api_key"].encode(), found["api_secret"].encode(), None if passphrase is None else passphrase.encode()
        )
    except (ValueError, KeyError, AttributeError, TypeError):
        raise VaultError("the box holds no key") from None
