"""What went wrong, as a page: for browsers that asked for one. Everything else gets a problem document from api/app.py."""

from __future__ import annotations

import orjson
from litestar import Response
from litestar.exceptions import HTTPException

from marketbot.api.admission import ApiRequest, path_of
from marketbot.api.paging import ParameterInvalid
from marketbot.api.problems import ApiReason
from marketbot.api.shedding import Overloaded
from marketbot.intake.refused import StoreAway
from marketbot.observability.logs import logger
from marketbot.people.passwords import HashingFull
from marketbot.store.pool import Unavailable
from marketbot.web.assets import PREFIX
from marketbot.web.forms import FormInvalid, login_path
from marketbot.web.page import go_to, html, render, seen_by

MACHINES = ("/v1/", "/health/", "/metrics", f"{PREFIX}/")
"""Below these nobody reads pages."""
KINDS = {
    400: "request",
    401: "login",
    403: "forbidden",
    404: "missing",
    405: "missing",
    413: "request",
    429: "limit",
    503: "away",
}
"""Which texts (``error.KIND``) a status is told with; the others are faults of ours."""

log = logger(__name__)


def wants_page(request: ApiRequest) -> bool:
    """Tell whether somebody reads the answer."""
    return not path_of(request).startswith(MACHINES) and "text/html" in request.headers.get("accept", "")


def error_page(request: ApiRequest, status: int, kind: str = "") -> Response[bytes]:
    """Answer a status in the house's style, without asking the database for anything."""
    known = request.app.state.door.simulation_known
    told = kind or KINDS.get(status, "fault")
    content = render(request, "error.html", viewer=seen_by(request), simulated=bool(known), kind=told, said="")
    return html(request, content, status)


def answer_exception(request: ApiRequest, error: Exception) -> Response[bytes]:
    """Answer what a page's handler, or the framework before it, raised."""
    if isinstance(error, StoreAway | Unavailable):
        return error_page(request, 503)
    if isinstance(error, Overloaded | HashingFull):
        return error_page(request, 503, "busy")
    if isinstance(error, ParameterInvalid | FormInvalid):
        return error_page(request, 400)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return error_page(request, error.status_code)
    log.error("page_failed", exc_info=error)
    return error_page(request, 500)


def as_page(request: ApiRequest, problem: Response[bytes]) -> Response[bytes]:
    """Turn what admission refuses with into a page; somebody who is not signed in is sent to sign in."""
    status = problem.status_code or 500
    reason = orjson.loads(problem.content)["reason"]
    if status == 401:
        return to_login(request)
    if reason == ApiReason.SECOND_FACTOR_OWED:
        return go_to(request, "/second-factor")
    page = error_page(request, status)
    if "Retry-After" in problem.headers:
        page.headers["Retry-After"] = problem.headers["Retry-After"]
    return page


def to_login(request: ApiRequest) -> Response[bytes]:
    """Send somebody to sign in, and back afterwards. A part of a page cannot show that: it has the whole page go there."""
    if request.headers.get("hx-request") == "true":
        answer = error_page(request, 401)
        answer.headers["HX-Redirect"] = "/login"
        return answer
    back = path_of(request) if request.method == "GET" else "/"
    return go_to(request, login_path(back))
