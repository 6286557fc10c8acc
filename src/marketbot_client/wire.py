"""Between calls and bytes. Pure: ``Client`` and ``AsyncClient`` share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from marketbot_client.call import Call
from marketbot_client.problem import AnswerUnreadable, ApiProblem

T = TypeVar("T")
MAX_TITLE_CHARS = 200
"""Of what somebody else than the server answers in its place."""


@dataclass(frozen=True, slots=True)
class Request:
    """What goes out."""

    method: str
    path: str = field(repr=False)
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def retry_after_s(self) -> int | None:
        text = self.headers.get("retry-after", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def request_of(call: Call[Any]) -> Request:
    """Write a call."""
    headers = {name: _text(value) for name, value in call.headers.items()}
    if call.key is not None:
        headers["Idempotency-Key"] = call.key
    body: bytes | None = None
    if isinstance(call.body, str):
        headers["Content-Type"], body = "text/plain; charset=utf-8", call.body.encode()
    elif call.body is not None:
        headers["Content-Type"], body = "application/json", msgspec.json.encode(call.body)
    return Request(
        call.method, path_of(call.path, call.places), {name: _text(value) for name, value in call.query.items()}, headers, body
    )


def path_of(template: str, places: Mapping[str, object]) -> str:
    path = template
    for name, value in places.items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    return path


def read_answer(call: Call[T], answer: Answer) -> T:
    """Read what a call was answered. Fields that are not known yet are passed over.

    Raises:
        ApiProblem: the server refused.
        AnswerUnreadable: it is no answer of this API.
    """
    kind = call.answers.get(answer.status)
    if kind is None or answer.media_type == "application/problem+json":
        raise problem_of(answer)
    if kind is bytes:
        content: Any = answer.body
        return content  # type: ignore[no-any-return]
    if kind is str:
        text: Any = answer.body.decode("utf-8", "replace")
        return text  # type: ignore[no-any-return]
    try:
        found: T = msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        # The exception's own text names the place, not the content.
        raise AnswerUnreadable(f"{call.method} {call.path} was answered {answer.status} with something else: {error}") from None
    return found


def problem_of(answer: Answer) -> ApiProblem | AnswerUnreadable:
    """Read a refusal."""
    try:
        document = msgspec.json.decode(answer.body, type=dict[str, Any])
        return ApiProblem(
            answer.status,
            str(document["reason"]),
            str(document["title"]),
            str(document.get("detail", "")),
            tuple(document.get("errors", ())),
            answer.retry_after_s,
        )
    except (msgspec.DecodeError, KeyError, TypeError):
        return AnswerUnreadable(
            f"something that is not MarketBot answered {answer.status} ({answer.media_type[:MAX_TITLE_CHARS]})"
        )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs its offset: datetime.now(UTC)")
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
