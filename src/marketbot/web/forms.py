"""Reads what a form sent: bounded in size and fields, each name once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit

from litestar.exceptions import HTTPException

from marketbot.api.admission import ApiRequest

MAX_FORM_BYTES = 16 * 1024
MAX_FIELDS = 64
MAX_NEXT_CHARS = 300
BODY_TIMEOUT_S = 5.0
MEDIA_TYPE = "application/x-www-form-urlencoded"
CSRF = "csrf"


class FormInvalid(Exception):
    """What was sent is no form of ours: too large, too many fields, a name twice, not UTF-8."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, and what is wrong with it, by field. ``errors`` holds keys of texts."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    errors: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


async def read_form(request: ApiRequest) -> dict[str, str]:
    """Return a form's fields. The body is read once; asking again gives the same.

    Raises:
        FormInvalid: it is none.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise FormInvalid("media type")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await request.body()
    except TimeoutError:
        raise FormInvalid("too slow") from None
    except HTTPException:
        raise FormInvalid("not readable") from None
    if len(body) > MAX_FORM_BYTES:
        raise FormInvalid("too large")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise FormInvalid("not a form") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise FormInvalid("a name stands twice")
    return fields


def own_path(text: str, otherwise: str = "/") -> str:
    """Return a path of this site that somebody is to be sent on to; anything else becomes ``otherwise``.

    Browsers read backslashes as slashes and drop tabs and line ends, so a text with any of them is none of ours.
    """
    if not text.startswith("/") or len(text) > MAX_NEXT_CHARS or not text.isascii() or not text.isprintable():
        return otherwise
    if text.startswith("//") or "\\" in text:
        return otherwise
    parts = urlsplit(text)
    return text if not parts.scheme and not parts.netloc else otherwise


def login_path(path: str) -> str:
    """Return the address of the login page that leads back to a path afterwards."""
    return f"/login?next={quote(path, safe='/')}" if own_path(path) == path and path != "/" else "/login"
