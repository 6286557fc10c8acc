"""Makes a page or a part of one from a template and what it shows."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response

from marketbot.api.admission import ApiRequest, path_of
from marketbot.api.database import LOOKUP_TIMEOUT_S, Database
from marketbot.api.user_door import UserDoor
from marketbot.domain.scope import Scope
from marketbot.intake.refused import StoreAway
from marketbot.ports import Clock
from marketbot.web import headers
from marketbot.web.assets import assets
from marketbot.web.navigation import frame_of
from marketbot.web.viewer import Viewer, viewer_of

MEDIA_TYPE = "text/html"
SAID_COOKIE = "marketbot_said"
SAID_AGE_S = 30
"""How long a message waits for the page that follows what it tells of."""
MAX_TEMPLATES = 200
"""Templates kept compiled; there are fewer."""
_PLACE = Path(__file__).with_name("templates")


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the templates, every value in them escaped, and a name that nobody set an error."""
    return Environment(
        loader=FileSystemLoader(_PLACE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=MAX_TEMPLATES,
        auto_reload=False,
    )


async def show(request: ApiRequest, template: str, *, status: int = 200, **facts: Any) -> Response[bytes]:
    """Answer a whole page: ``template`` extends base.html or alone.html.

    ``facts`` may hold ``simulated`` where the page's own read told it; it is looked up otherwise.
    """
    viewer = seen_by(request)
    if "simulated" not in facts:
        facts["simulated"] = await is_simulation(request)
    said = _said(request, viewer)
    content = render(
        request,
        template,
        viewer=viewer,
        frame=frame_of(viewer.caller, path_of(request)),
        said=said,
        events=_events_of(viewer),
        **facts,
    )
    response = html(request, content, status)
    if said:
        response.delete_cookie(SAID_COOKIE)
    return response


def part(request: ApiRequest, template: str, **facts: Any) -> Response[bytes]:
    """Answer a part of a page that its script reads anew."""
    return html(request, render(request, template, viewer=seen_by(request), **facts))


def render(request: ApiRequest, template: str, *, viewer: Viewer, **facts: Any) -> str:
    return (
        environment()
        .get_template(template)
        .render(t=viewer.texts, f=viewer.formats, viewer=viewer, asset=assets().url, path=path_of(request), **facts)
    )


def html(request: ApiRequest, content: str, status: int = 200) -> Response[bytes]:
    told = headers.with_transport(headers.PAGE, https=is_https(request))
    return Response(content.encode(), status_code=status, media_type=MEDIA_TYPE, headers=told)


def as_file(request: ApiRequest, answer: Response[bytes]) -> Response[bytes]:
    """Return a file that the API makes, with the headers of a page: it has a page's address."""
    answer.headers.update(headers.with_transport(headers.PAGE, https=is_https(request)))
    return answer


def go_to(request: ApiRequest, path: str, said: str = "") -> Response[bytes]:
    """Send the browser on after a form was taken; ``said`` is the key of what the next page tells (``said.KEY``)."""
    told = headers.with_transport(headers.PAGE, https=is_https(request))
    response = Response(b"", status_code=303, media_type=MEDIA_TYPE, headers=told | {"Location": path})
    if said:
        response.set_cookie(SAID_COOKIE, said, max_age=SAID_AGE_S, httponly=True, samesite="lax", secure=is_https(request))
    return response


def seen_by(request: ApiRequest) -> Viewer:
    clock: Clock = request.app.state.clock
    return viewer_of(request, clock.now())


def is_https(request: ApiRequest) -> bool:
    """Tell whether browsers come by https here; the installation's settings say so, not the request."""
    secure: bool = request.app.state.get("secure_cookies", False)
    return secure


async def is_simulation(request: ApiRequest) -> bool:
    """Tell whether everything here is practice; False too while the database cannot say."""
    door: UserDoor = request.app.state.door
    if door.simulation_known is not None:
        return door.simulation_known
    database: Database = request.app.state.database
    try:
        async with database.connection(LOOKUP_TIMEOUT_S) as connection:
            return await door.simulated(connection)
    except StoreAway:
        return False


def _said(request: ApiRequest, viewer: Viewer) -> str:
    key = request.cookies.get(SAID_COOKIE, "")
    return viewer.texts.known(f"said.{key}", "") if key else ""


def _events_of(viewer: Viewer) -> str:
    """Return the address of the stream that tells this viewer what changed."""
    scopes = frozenset[Scope]() if viewer.caller is None else viewer.caller.scopes
    if Scope.ORDERS_READ in scopes:
        return "/v1/events"
    return "/v1/operator/events" if Scope.OPERATOR_READ in scopes else ""
