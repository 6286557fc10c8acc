"""/developers: the API's document, for people to read. Open to all, like the document."""

from __future__ import annotations

from litestar import Response, get

from marketbot.api.admission import ApiRequest
from marketbot.api.openapi import served_document
from marketbot.web.errors import error_page
from marketbot.web.page import seen_by, show
from marketbot.web.reference import chapters, detail

MAX_NAME_CHARS = 64


@get("/developers")
async def developers(request: ApiRequest) -> Response[bytes]:
    """All operations by chapter."""
    document = served_document(request).document
    return await show(request, "developers.html", chapters=chapters(document), version=document["info"]["version"])


@get("/developers/{name:str}")
async def operation(request: ApiRequest) -> Response[bytes]:
    """One operation: what it takes, what it answers, how it refuses."""
    name: str = request.path_params["name"]
    origin: str = request.app.state.people_url
    found = detail(served_document(request).document, name[:MAX_NAME_CHARS], origin, seen_by(request).language)
    return error_page(request, 404) if found is None else await show(request, "operation.html", operation=found)
