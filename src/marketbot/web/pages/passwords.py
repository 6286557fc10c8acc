"""/forgot and /reset: a new password by a link that is sent to one's address."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest
from marketbot.domain.limits import LOGIN_ADDRESS, Check
from marketbot.domain.person import Locale
from marketbot.domain.reasons import Language
from marketbot.intake.limits import sender
from marketbot.people.changes import reset_password
from marketbot.people.email_address import read_email
from marketbot.people.letters import Letter, ask_letter_to
from marketbot.people.passwords import HashingFull
from marketbot.web.admission import form_of
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show
from marketbot.web.people import reception_of, seen_of, told


@get("/forgot")
async def forgot(request: ApiRequest) -> Response[bytes]:
    return await show(request, "forgot.html", form=Form(), sent=False)


@post("/forgot")
async def take_forgot(request: ApiRequest) -> Response[bytes]:
    """Have a link sent, and answer the same whoever's address it is, or nobody's."""
    reception, email = reception_of(request), read_email(form_of(request).get("email", ""))
    if email is None:
        return await show(request, "forgot.html", status=422, form=Form({}, {"email": "fault.email"}), sent=False)
    verdict = await reception.limits.take(Check(LOGIN_ADDRESS, sender(seen_of(request).address)))
    if not verdict.allowed:
        return await show(request, "forgot.html", status=429, form=Form({}, told(verdict)), sent=False)
    locale = Locale.PT_BR if seen_by(request).language is Language.PT else Locale.EN
    async with reception.connect() as connection:
        await ask_letter_to(connection, reception.vault, Letter.RESET_ASKED, email, locale)
    return await show(request, "forgot.html", form=Form(), sent=True)


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
    try:
        done = await reset_password(reception_of(request), kept["token"], wanted, seen_of(request))
    except HashingFull:
        return await show(request, "reset.html", status=503, form=Form(kept, {"": "fault.busy"}))
    if not isinstance(done, int):
        return await show(request, "reset.html", status=422, form=Form(kept, told(done)))
    return go_to(request, "/login", "password_set")
