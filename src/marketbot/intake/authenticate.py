"""Does a delivery prove where it comes from? Pure.

An unknown source and a wrong secret take the same steps: a digest of the same input, compared in constant time with a digest
that nothing matches.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from datetime import UTC, datetime, timedelta

from marketbot.domain.reasons import RefusalReason
from marketbot.intake.refused import Refused
from marketbot.intake.source import Source

MAX_SECRET_LENGTH = 256
SIGNATURE_WINDOW_S = 30
"""How far a program's timestamp may lie from our clock, either way. A replay inside it meets the deduplication."""

_NOBODY_SHA256 = secrets.token_bytes(32)
_NOBODY_KEY = secrets.token_bytes(32)
_TIMESTAMP = re.compile(r"[0-9]{10}(?:[0-9]{3})?", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def check_secret(source: Source | None, secret: str) -> Refused | None:
    """Compare a webhook's secret."""
    expected = _NOBODY_SHA256 if source is None or source.secret_sha256 is None else source.secret_sha256
    given = hashlib.sha256(secret[:MAX_SECRET_LENGTH].encode("utf-8", "surrogatepass")).digest()
    if not hmac.compare_digest(given, expected) or len(secret) > MAX_SECRET_LENGTH:
        return Refused(RefusalReason.CREDENTIAL_INVALID)
    return None


def check_signature(source: Source | None, timestamp: str, signature: str, body: bytes, now: datetime) -> Refused | None:
    """Compare hex HMAC-SHA256 of ``timestamp + "." + body``; the timestamp is Unix seconds or milliseconds."""
    key = _NOBODY_KEY if source is None or source.hmac_key is None else source.hmac_key
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        return Refused(RefusalReason.CREDENTIAL_INVALID)
    expected = hmac.digest(key, timestamp.encode() + b"." + body, "sha256")
    if not hmac.compare_digest(expected, bytes.fromhex(signature)):
        return Refused(RefusalReason.CREDENTIAL_INVALID)
    sent_at = datetime.fromtimestamp(int(timestamp[:10]), UTC) + timedelta(milliseconds=int(timestamp[10:] or 0))
    if abs(now - sent_at) > timedelta(seconds=SIGNATURE_WINDOW_S):
        return Refused(RefusalReason.TIMESTAMP_INVALID, f"the signature's time may differ by {SIGNATURE_WINDOW_S} s")
    return None


def check_address(source: Source, address: str) -> Refused | None:
    """Hold a peer address against the source's list; an empty list lets any in."""
    if not source.allowed_addresses:
        return None
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return Refused(RefusalReason.ADDRESS_NOT_ALLOWED)
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    if any(peer in ipaddress.ip_network(network) for network in source.allowed_addresses):
        return None
    return Refused(RefusalReason.ADDRESS_NOT_ALLOWED)
