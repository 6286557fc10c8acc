"""One HTTP request to this machine's own service or simulator, over the standard library."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

TIMEOUT_S = 30.0
ANSWER_BYTES_MAX = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``document`` is the body as an object; empty when it is none."""

    status: int
    document: dict[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


async def request(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, *, timeout_s: float = TIMEOUT_S
) -> Answer:
    """Send one request.

    Raises:
        OSError: nobody answered; the request may have been taken.
    """
    return await asyncio.to_thread(_request, method, url, body, dict(headers or {}), timeout_s)


def _request(method: str, url: str, body: bytes | None, headers: dict[str, str], timeout_s: float) -> Answer:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read(ANSWER_BYTES_MAX)
        return Answer(answer.status, _document(content), {name.lower(): value for name, value in answer.getheaders()})
    except http.client.HTTPException as error:
        raise ConnectionError(f"the answer cannot be read ({type(error).__name__})") from error
    finally:
        connection.close()


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
