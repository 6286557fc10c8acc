"""GET /v1/openapi.json: the API's document, open to all; it tells how the API is used, and nothing of this installation.

It may be kept for five minutes, and asked for again by its ETag: it changes with the version alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from litestar import Litestar, Response, get

from marketbot.api.admission import ApiRequest
from marketbot.api.contract.document import make_document
from marketbot.api.contract.other_media import DOCUMENT_PATH

AGE_S = 300
ETAG_CHARS = 16


@dataclass(frozen=True, slots=True)
class ServedDocument:
    """The document of a process's application, made once."""

    document: dict[str, Any]
    content: bytes
    etag: str

    @classmethod
    def of(cls, app: Litestar) -> ServedDocument:
        document = make_document(app)
        content = orjson.dumps(document)
        return cls(document, content, f'"{hashlib.sha256(content).hexdigest()[:ETAG_CHARS]}"')


@get(DOCUMENT_PATH)
async def show_document(request: ApiRequest) -> Response[bytes]:
    """OpenAPI 3.1, made of the routes that are served. Kept for five minutes; `If-None-Match` with its `ETag` is answered 304."""
    document = served_document(request)
    headers = {"Cache-Control": f"public, max-age={AGE_S}", "ETag": document.etag}
    if document.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, media_type="application/json", headers=headers)
    return Response(document.content, media_type="application/json", headers=headers)


def served_document(request: ApiRequest) -> ServedDocument:
    """Return the document of the application that a request came to."""
    state: Any = request.app.state
    found: ServedDocument | None = state.get("document")
    if found is None:
        found = state.document = ServedDocument.of(request.app)
    return found
