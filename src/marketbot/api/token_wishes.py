"""What a request for a new token asks for, checked against the token that asks: none opens more, or longer, than its maker. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from marketbot.domain.scope import Scope, read_scopes

MAX_NAME_CHARS = 100
NAME_CHARS_TOLD = 64
FIELDS = frozenset({"name", "scopes", "expires_at"})
MAX_LIFE = timedelta(days=3_660)


class WishInvalid(Exception):
    """A field that cannot be used; the text names it."""


@dataclass(frozen=True, slots=True)
class TokenWish:
    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None


def read_name(document: Mapping[str, Any]) -> str:
    """Return the name that a document gives a user or a token.

    Raises:
        WishInvalid: it is no printable text of a fitting length.
    """
    name = document.get("name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME_CHARS or not name.isprintable():
        raise WishInvalid(f"name is 1 to {MAX_NAME_CHARS} printable characters")
    return name.strip()


def read_token_wish(
    document: Mapping[str, Any],
    allowed: frozenset[Scope],
    now: datetime,
    latest: datetime | None,
    known: frozenset[str] = FIELDS,
) -> TokenWish:
    """Read ``name``, ``scopes`` and ``expires_at`` (ISO 8601 with an offset, or none for never).

    ``allowed`` are the scopes that may be given; ``latest`` is when the asking token ends, which the new one may not outlive.

    Raises:
        WishInvalid: a field is missing, malformed, or asks for too much.
    """
    # A name that is misspelt may have meant less than a token that never ends.
    if unknown := document.keys() - known:
        raise WishInvalid(f"a token takes no {min(unknown)[:NAME_CHARS_TOLD]}")
    name = read_name(document)
    scopes = read_scopes(document.get("scopes"), allowed)
    if scopes is None:
        raise WishInvalid(f"scopes is a list of some of: {', '.join(sorted(allowed)) or 'none that this token may give'}")
    expires_at = _time(document.get("expires_at"), now)
    if latest is not None and (expires_at is None or expires_at > latest):
        raise WishInvalid("expires_at may not be later than the end of the token that asks")
    return TokenWish(name, scopes, expires_at)


def _time(value: Any, now: datetime) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise WishInvalid("expires_at is an ISO 8601 time") from None
    if time.tzinfo is None:
        raise WishInvalid("expires_at needs an offset, such as Z")
    time = time.astimezone(UTC) if 1 < time.year < 9999 else time
    if not now < time <= now + MAX_LIFE:
        raise WishInvalid(f"expires_at lies in the future, at most {MAX_LIFE.days} days ahead")
    return time
