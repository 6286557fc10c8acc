"""Lets somebody in to a page: the API's own rule (``api.admission.admit``), its refusals told as pages."""

from __future__ import annotations

from litestar import Response

from marketbot.api.admission import READS, ApiRequest, admit
from marketbot.web.errors import as_page, error_page
from marketbot.web.forms import CSRF, FormInvalid, read_form

FETCH_SITE = "sec-fetch-site"
OWN_SITES = frozenset({"", "same-origin", "none"})


async def enter(request: ApiRequest) -> Response[bytes] | None:
    """Let nobody past whose session does not open the page.

    A form carries its CSRF token as a field; the API's rule reads it where ``check_form`` left it.
    """
    refused = await check_form(request)
    if refused is not None:
        return refused
    problem = await admit(request)
    return None if problem is None else as_page(request, problem)


async def check_form(request: ApiRequest) -> Response[bytes] | None:
    """Read a form, and refuse one that another site sent: browsers say so, whatever its fields."""
    if request.method in READS:
        return None
    if request.headers.get(FETCH_SITE, "").lower() not in OWN_SITES:
        return error_page(request, 403)
    try:
        form = await read_form(request)
    except FormInvalid:
        return error_page(request, 400)
    request.state.form = form
    request.state.csrf_shown = form.get(CSRF, "")
    return None


def form_of(request: ApiRequest) -> dict[str, str]:
    """Return the fields of a form that was let in."""
    form: dict[str, str] = request.state.form
    return form
