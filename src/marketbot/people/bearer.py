"""Secrets that open something for whoever shows them: session cookies and one-time links. Stored as digests, known in clear once.

256 random bits cannot be guessed, so a plain SHA-256 is enough to store, and finding one by its digest tells an attacker who measures
the time nothing about it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

RANDOM_BYTES = 32

_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_CSRF = b"marketbot csrf 1"


@dataclass(frozen=True, slots=True)
class Bearer:
    """A secret at the one moment when it is known in clear."""

    text: str = field(repr=False)
    sha256: bytes = field(repr=False)


def make_bearer() -> Bearer:
    text = secrets.token_urlsafe(RANDOM_BYTES)
    return Bearer(text, bearer_digest(text))


def bearer_digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def looks_like_bearer(text: str) -> bool:
    """Tell whether a text has the form; what has not is refused without asking the store."""
    return _FORM.fullmatch(text) is not None


def csrf_token(cookie: str) -> str:
    """Return what a page must send along with a session's cookie when it changes something.

    An HMAC under the cookie's own value: whoever cannot read the cookie cannot make it, every process can, and it tells nothing about
    the cookie.
    """
    return hmac.digest(cookie.encode("utf-8", "surrogatepass"), _CSRF, "sha256").hex()
