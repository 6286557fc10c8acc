"""Lets somebody in to a page: the API's own rule (``api.admission.admit``), its refusals told as pages."""

from __future__ import annotations

from litestar import Response

from marketbot.api.admission import CSRF_SHOWN, READS, ApiRequest, admit, is_same_site
from marketbot.api.session_cookie import read_session_cookie
from marketbot.api.session_register import SessionRegister
from marketbot.web.errors import as_page, error_page, to_login
from marketbot.web.forms import CSRF, FormInvalid, read_form


async def enter(request: ApiRequest) -> Response[bytes] | None:
    """Let nobody past whose session does not open the page.

    A form carries its CSRF token as a field; the API's rule reads it where ``check_form`` left it.
    """
    refused = await check_form(request)
    if refused is not None:
        return refused
    if read_session_cookie(request) is None and "authorization" not in request.headers:
        return to_login(request)  # nobody guesses anything: it is not counted as a wrong credential
    problem = await admit(request)
    if problem is not None:
        return as_page(request, problem)
    note_csrf(request)
    return None


async def check_form(request: ApiRequest) -> Response[bytes] | None:
    """Read a form, and refuse one that another site sent: browsers say so, whatever its fields."""
    if request.method in READS:
        return None
    if not is_same_site(request):
        return error_page(request, 403)
    try:
        form = await read_form(request)
    except FormInvalid:
        return error_page(request, 400)
    request.state.form = form
    request.state[CSRF_SHOWN] = form.get(CSRF, "")
    return None


def note_csrf(request: ApiRequest) -> None:
    """Keep what this session's forms have to carry."""
    cookie = read_session_cookie(request)
    if cookie is not None:
        sessions: SessionRegister = request.app.state.sessions
        request.state.csrf = sessions.csrf_of(cookie)


def form_of(request: ApiRequest) -> dict[str, str]:
    """Return the fields of a form that was let in."""
    form: dict[str, str] = request.state.form
    return form
