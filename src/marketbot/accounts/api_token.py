"""API tokens as text: made here, shown once, and known afterwards by their digest alone.

256 random bits cannot be guessed, so a plain SHA-256 is enough to store, and finding a token by its digest tells an attacker who
measures the time nothing about the token.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

USER_MARK = "mbu_"
OPERATOR_MARK = "mbo_"
RANDOM_BYTES = 32
PREFIX_CHARS = 10
"""How much of a token is kept readable, its mark included, so that its owner knows it again: 36 of its 256 bits."""

_FORM = re.compile(r"mb[uo]_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token at the one moment when it is known in clear."""

    text: str = field(repr=False)
    sha256: bytes = field(repr=False)
    prefix: str


def make_token(*, operator: bool) -> NewToken:
    text = (OPERATOR_MARK if operator else USER_MARK) + secrets.token_urlsafe(RANDOM_BYTES)
    return NewToken(text, token_digest(text), text[:PREFIX_CHARS])


def token_digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def looks_like_token(text: str) -> bool:
    """Tell whether a text has a token's form; what has not is refused without asking the store."""
    return _FORM.fullmatch(text) is not None
