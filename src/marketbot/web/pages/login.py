"""GET and POST /login, POST /logout: in with address and password, and out again."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, Standing, of_person
from marketbot.api.identity import Caller
from marketbot.api.passkeys import party
from marketbot.api.session import end_present
from marketbot.api.session_answers import seen_by as seen_of
from marketbot.api.session_cookie import clear_session_cookie, read_session_cookie
from marketbot.api.session_register import SessionRegister
from marketbot.people.login import log_in
from marketbot.people.reception import NewSession
from marketbot.settings import SignUp
from marketbot.web.admission import form_of
from marketbot.web.forms import Form, own_path
from marketbot.web.page import go_to, show
from marketbot.web.people import begin, reception_of, told


@get("/login")
async def login(request: ApiRequest) -> Response[bytes]:
    """The form; somebody who is in already is sent on."""
    onward = own_path(request.query_params.get("next", ""), "")
    cookie = read_session_cookie(request)
    sessions: SessionRegister = request.app.state.sessions
    if cookie is not None and isinstance(await sessions.identify(cookie), Caller):
        return go_to(request, onward or "/")
    return await _show(request, Form({"next": onward}))


@post("/login")
async def take_login(request: ApiRequest) -> Response[bytes]:
    typed = form_of(request)
    onward = own_path(typed.get("next", ""), "")
    kept = {"email": typed.get("email", ""), "next": onward}
    new = await log_in(reception_of(request), kept["email"], typed.get("password", ""), seen_of(request))
    if not isinstance(new, NewSession):
        return await _show(request, Form(kept, told(new)))
    # The session that the browser had ends: nothing that was planted in it is heard of again.
    await end_present(request)
    return begin(request, new, onward)


@post("/logout", opt=of_person(Standing.ANY))
async def logout(request: ApiRequest) -> Response[bytes]:
    await end_present(request)
    response = go_to(request, "/login")
    clear_session_cookie(request, response)
    return response


async def _show(request: ApiRequest, form: Form) -> Response[bytes]:
    status = 422 if form.errors else 200
    return await show(request, "login.html", status=status, form=form, sign_up=may_sign_up(request), passkeys=party(request))


def may_sign_up(request: ApiRequest) -> bool:
    return request.app.state.sign_up is SignUp.OPEN
