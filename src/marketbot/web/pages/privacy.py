"""/profile/privacy: a copy of one's data, and one's erasure. /keep: it is taken back by the link that was mailed."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, caller_of, of_person, person_of
from marketbot.api.exports import begin_export
from marketbot.api.identity import actor_of
from marketbot.api.session_answers import seen_by as seen_of
from marketbot.privacy.erasing import OWN_WAIT, Held, ask_own, keep, keep_by_link
from marketbot.store.erasing import users_holdings
from marketbot.store.erasures import Erasure, find_open
from marketbot.store.people import read_person
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.forms import Form
from marketbot.web.page import as_file, go_to, show
from marketbot.web.people import reception_of, told

PAGE = "/profile/privacy"


@get(PAGE, opt=of_person())
async def privacy(request: ApiRequest) -> Response[bytes]:
    return await _show(request, Form())


@post(f"{PAGE}/export", opt=of_person())
async def take_export(request: ApiRequest) -> Response[bytes]:
    """Give whoever is logged in everything that is kept about them."""
    made = await begin_export(request, form_of(request).get("present", ""))
    if made is None:
        return error_page(request, 503, "busy")
    return as_file(request, made) if isinstance(made, Response) else await _show(request, Form({}, told(made)), of="export")


@post(f"{PAGE}/erase", opt=of_person())
async def take_erasure(request: ApiRequest) -> Response[bytes]:
    """Ask to be erased."""
    typed = form_of(request)
    asked = await ask_own(
        reception_of(request),
        person_of(request),
        typed.get("password", ""),
        typed.get("code", ""),
        seen_of(request),
        force=typed.get("force") == "yes",
    )
    if isinstance(asked, Erasure):
        return go_to(request, PAGE, "erasure_asked")
    if isinstance(asked, Held):
        return await _show(request, Form({}, {"force": "privacy.held"}), of="erasure")
    errors = {"password" if field == "present" else field: text for field, text in told(asked).items()}
    return await _show(request, Form({}, errors), of="erasure")


@post(f"{PAGE}/keep", opt=of_person())
async def take_back(request: ApiRequest) -> Response[bytes]:
    """Take one's erasure back."""
    async with reception_of(request).connect() as connection:
        erasure = await find_open(connection, person_of(request), None)
        kept = erasure is not None and await keep(connection, erasure, actor_of(request))
    return go_to(request, PAGE, "erasure_kept" if kept else "unchanged")


@get("/keep")
async def keep_page(request: ApiRequest) -> Response[bytes]:
    return await show(request, "keep.html", form=Form())


@post("/keep")
async def take_keep(request: ApiRequest) -> Response[bytes]:
    """Take an erasure back by a link; nobody is logged in by it."""
    kept = await keep_by_link(reception_of(request), form_of(request).get("token", ""), seen_of(request))
    if isinstance(kept, int):
        return go_to(request, "/login", "erasure_kept")
    return await show(request, "keep.html", status=422, form=Form({}, {"": told(kept).get("", "fault.invalid")}))


async def _show(request: ApiRequest, form: Form, *, of: str = "") -> Response[bytes]:
    """``of`` says which of the page's forms was refused."""
    user_id = caller_of(request).user_id
    async with reception_of(request).connect() as connection:
        person = await read_person(connection, person_of(request))
        erasure = await find_open(connection, person_of(request), None)
        held = None if user_id is None else await users_holdings(connection, user_id)
    assert person is not None, "whoever is logged in is there"
    return await show(
        request,
        "privacy.html",
        status=422 if form.errors else 200,
        person=person,
        erasure=erasure,
        held=held,
        days=OWN_WAIT.days,
        export=form if of == "export" else Form(),
        erase=form if of == "erasure" else Form(),
    )
