"""Answers as JSON: decimals as plain texts (a JSON number would become a float), times in UTC, never cached on the way."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson
from litestar import Response

from marketbot.api.paging import write_cursor
from marketbot.domain.money import plain

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Of every answer, refusals too: nobody keeps it, and nobody takes it for anything but what it says it is."""


def json_answer(document: object, status: int = 200) -> Response[bytes]:
    content = orjson.dumps(document, default=_value, option=orjson.OPT_UTC_Z)
    return Response(content, status_code=status, media_type="application/json", headers=HEADERS)


def page_answer(noun: str, rows: Sequence[Any], key: Sequence[Any] | None, *, simulated: bool) -> Response[bytes]:
    """Answer a page; ``key`` is its last row's when there may be more."""
    return json_answer({"simulated": simulated, noun: rows, "next": None if key is None else write_cursor(noun, key)})


def _value(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
