"""Reading and answering a request below the framework, for middleware that must stay cheap."""

from __future__ import annotations

from litestar import Response
from litestar.types import Scope, Send


def header(scope: Scope, name: bytes) -> bytes:
    """Return the first header of this (lower-case) name, empty when there is none."""
    for key, value in scope["headers"]:
        if key == name:
            return value
    return b""


async def send_response(response: Response[bytes], send: Send) -> None:
    """Send an answer of api/problems.py as it is."""
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    headers += [(b"content-type", str(response.media_type).encode()), (b"content-length", str(len(response.content)).encode())]
    await send({"type": "http.response.start", "status": response.status_code or 500, "headers": headers})
    await send({"type": "http.response.body", "body": response.content, "more_body": False})
