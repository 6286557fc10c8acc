"""How a receiver knows that a notice is ours: an HMAC over time and body, under a secret that only the two have. Pure."""

from __future__ import annotations

import hmac
import secrets

SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with, for people to know it by


def make_secret() -> str:
    return SECRET_PREFIX + secrets.token_hex(SECRET_BYTES)


def signature(secret: str, at_s: int, body: bytes) -> str:
    """Return ``v1=HEX``: HMAC-SHA256 under the secret's text, over ``TIMESTAMP.BODY``.

    The time is signed, so that a receiver can refuse an old notice that somebody sends again.
    """
    return "v1=" + hmac.digest(secret.encode(), b"%d." % at_s + body, "sha256").hex()
