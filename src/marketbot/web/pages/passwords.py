"""/forgot, /sign-up and /reset: letters that are asked for by address, and a new password by the link of one."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest
from marketbot.api.newcomers import ask_to_write
from marketbot.api.session_answers import seen_by as seen_of
from marketbot.api.session_register import SessionRegister
from marketbot.domain.person import Locale
from marketbot.domain.reasons import Language
from marketbot.people.changes import reset_password
from marketbot.people.email_address import read_email
from marketbot.people.letters import Letter
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show
from marketbot.web.pages.login import may_sign_up
from marketbot.web.people import reception_of, told


@get("/forgot")
async def forgot(request: ApiRequest) -> Response[bytes]:
    return await show(request, "letter.html", kind="forgot", form=Form(), sent=False)


@post("/forgot")
async def take_forgot(request: ApiRequest) -> Response[bytes]:
    """Have a link for a new password sent."""
    return await _write_to(request, "forgot", Letter.RESET_ASKED)


@get("/sign-up")
async def sign_up(request: ApiRequest) -> Response[bytes]:
    return (
        await show(request, "letter.html", kind="sign_up", form=Form(), sent=False)
        if may_sign_up(request)
        else error_page(request, 404)
    )


@post("/sign-up")
async def take_sign_up(request: ApiRequest) -> Response[bytes]:
    """Have an invitation sent to oneself, where the operator allows it."""
    return await _write_to(request, "sign_up", Letter.SIGN_UP) if may_sign_up(request) else error_page(request, 404)


async def _write_to(request: ApiRequest, kind: str, letter: Letter) -> Response[bytes]:
    """Have an address written to, and answer the same whoever's it is, or nobody's."""
    email = read_email(form_of(request).get("email", ""))
    if email is None:
        return await show(request, "letter.html", status=422, kind=kind, form=Form({}, {"email": "fault.email"}), sent=False)
    if not request.app.state.mails:
        return await show(request, "letter.html", status=409, kind=kind, form=Form({}, {"": "fault.no_mail"}), sent=False)
    locale = Locale.PT_BR if seen_by(request).language is Language.PT else Locale.EN
    if (over := await ask_to_write(request, letter, email, locale)) is not None:
        return await show(request, "letter.html", status=429, kind=kind, form=Form({}, told(over)), sent=False)
    return await show(request, "letter.html", kind=kind, form=Form(), sent=True)


@get("/reset")
async def reset(request: ApiRequest) -> Response[bytes]:
    return await show(request, "reset.html", form=Form())


@post("/reset")
async def take_reset(request: ApiRequest) -> Response[bytes]:
    typed = form_of(request)
    kept = {"token": typed.get("token", "")}
    wanted = typed.get("password", "")
    if wanted != typed.get("again", ""):
        return await show(request, "reset.html", status=422, form=Form(kept, {"again": "fault.not_the_same"}))
    done = await reset_password(reception_of(request), kept["token"], wanted, seen_of(request))
    if not isinstance(done, int):
        return await show(request, "reset.html", status=422, form=Form(kept, told(done)))
    sessions: SessionRegister = request.app.state.sessions
    sessions.forget_person(done)
    return go_to(request, "/login", "password_set")
