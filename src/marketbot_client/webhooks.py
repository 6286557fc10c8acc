"""Signatures: of the notices that the server posts to you, and of the signals that you post to it. Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from marketbot_client.problem import MarketBotError

AGE_MAX = timedelta(minutes=5)
"""An older notice, or one from the future, is refused: somebody may be sending again what they saw."""
SIGNATURE = "X-MarketBot-Signature"
TIMESTAMP = "X-MarketBot-Timestamp"
_VERSION = "v1="


class SignatureInvalid(MarketBotError):
    """The notice is not from your server, was changed on its way, or is too old. Answer 401 and do nothing."""


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> dict[str, Any]:
    """Return the notice in a request that a server of yours made; ``body`` is what came, byte by byte.

    A notice may come twice: know it by its ``id``.

    Raises:
        SignatureInvalid: see there.
    """
    found = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = found.get(TIMESTAMP.lower(), ""), found.get(SIGNATURE.lower(), "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12 and signature.startswith(_VERSION)):
        raise SignatureInvalid("the headers of a notice are missing or malformed")
    expected = hmac.digest(secret.encode(), timestamp.encode() + b"." + body, "sha256").hex()
    if not hmac.compare_digest(signature.removeprefix(_VERSION).encode("utf-8", "replace"), expected.encode()):
        raise SignatureInvalid("the signature is not of this body under this secret")
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > AGE_MAX:
        raise SignatureInvalid(f"the notice is not from within {AGE_MAX.total_seconds():.0f} s of now")
    notice: dict[str, Any] = msgspec.json.decode(body)
    return notice


def sign_signal(secret: str, body: str, now: datetime) -> tuple[str, str]:
    """Return timestamp and signature for ``webhooks.send_signed_signal``, under the secret of a source that is a program."""
    timestamp = str(int(now.timestamp()))
    return timestamp, hmac.digest(secret.encode(), f"{timestamp}.{body}".encode(), "sha256").hex()
