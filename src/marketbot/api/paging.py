"""Pages: how long one is, and the opaque cursor that the next begins after. Pure.

A cursor holds the last row's key, so nothing is counted off and a page costs the same wherever it lies. It is not signed: a forged
one leads to another place in the same caller's rows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

PAGE_DEFAULT = 50
PAGE_MAX = 200
MAX_CURSOR_CHARS = 256
MAX_TEXT_CHARS = 64
"""Of a text in a cursor: a symbol, a side."""
MAX_ID = 2**63 - 1
MAX_DIGITS = 19


class IdKey(NamedTuple):
    """A place in a list by ascending id."""

    above: int = 0


class ParameterInvalid(Exception):
    """A query parameter that cannot be used; the text says which and why."""


def read_limit(parameters: Mapping[str, str]) -> int:
    """Return how many rows a page may have."""
    text = parameters.get("limit", str(PAGE_DEFAULT))
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 0
    if not 1 <= limit <= PAGE_MAX:
        raise ParameterInvalid(f"limit lies between 1 and {PAGE_MAX}")
    return limit


def read_flag(parameters: Mapping[str, str], name: str) -> bool:
    text = parameters.get(name, "false")
    if text not in ("true", "false"):
        raise ParameterInvalid(f"{name} is true or false")
    return text == "true"


def write_cursor(noun: str, key: Sequence[Any]) -> str:
    """Return the cursor of a key made of whole numbers, texts and times; ``noun`` keeps lists' cursors apart."""
    values = [each.astimezone(UTC).isoformat() if isinstance(each, datetime) else each for each in key]
    return base64.urlsafe_b64encode(orjson.dumps([noun, *values])).rstrip(b"=").decode()


def read_cursor(parameters: Mapping[str, str], noun: str, first: Sequence[Any]) -> list[Any]:
    """Return the key that the ``after`` parameter holds, of the same types as ``first``, which stands for none given."""
    text = parameters.get("after")
    if text is None:
        return list(first)
    if len(text) > MAX_CURSOR_CHARS or not text.isascii():
        raise ParameterInvalid("after is no cursor of this list")
    try:
        found = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if not isinstance(found, list) or len(found) != len(first) + 1 or found[0] != noun:
            raise ValueError
        return [_value(value, like) for value, like in zip(found[1:], first, strict=True)]
    except (ValueError, binascii.Error, OverflowError):
        raise ParameterInvalid("after is no cursor of this list") from None


def _value(value: Any, like: Any) -> Any:
    if isinstance(like, datetime):
        if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS:
            raise ValueError
        time = datetime.fromisoformat(value)
        if time.tzinfo is None or not 1 < time.year < 9999:
            raise ValueError
        return time
    if isinstance(like, StrEnum):
        return type(like)(value)
    if type(value) is not type(like):
        raise ValueError
    if isinstance(value, int) and not 0 <= value <= MAX_ID:
        raise ValueError
    if isinstance(value, str) and (len(value) > MAX_TEXT_CHARS or not value.isprintable()):
        raise ValueError
    return value
