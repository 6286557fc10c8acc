"""GET and POST /login, POST /logout: in with address and password, and out again."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, Standing, caller_of, of_person
from marketbot.api.session_cookie import read_session_cookie
from marketbot.api.session_register import SessionRegister
from marketbot.api.identity import Caller
from marketbot.people.login import log_in
from marketbot.people.passwords import HashingFull
from marketbot.people.reception import NewSession
from marketbot.store.sessions import revoke_session
from marketbot.web.admission import form_of
from marketbot.web.forms import Form, own_path
from marketbot.web.page import go_to, show
from marketbot.web.people import begin, end, reception_of, seen_of, told


@get("/login")
async def login(request: ApiRequest) -> Response[bytes]:
    """The form; somebody who is in already is sent on."""
    onward = own_path(request.query_params.get("next", ""), "")
    cookie = read_session_cookie(request)
    sessions: SessionRegister = request.app.state.sessions
    if cookie is not None and isinstance(await sessions.identify(cookie), Caller):
        return go_to(request, onward or "/")
    return await show(request, "login.html", form=Form({"next": onward}))


@post("/login")
async def take_login(request: ApiRequest) -> Response[bytes]:
    typed = form_of(request)
    onward = own_path(typed.get("next", ""), "")
    kept = {"email": typed.get("email", ""), "next": onward}
    try:
        new = await log_in(reception_of(request), kept["email"], typed.get("password", ""), seen_of(request))
    except HashingFull:
        return await show(request, "login.html", status=503, form=Form(kept, {"": "fault.busy"}))
    if not isinstance(new, NewSession):
        return await show(request, "login.html", status=422, form=Form(kept, told(new)))
    return begin(request, new, onward)


@post("/logout", opt=of_person(Standing.ANY))
async def logout(request: ApiRequest) -> Response[bytes]:
    caller = caller_of(request)
    assert caller.person_id is not None
    assert caller.session_id is not None
    async with reception_of(request).connect() as connection:
        await revoke_session(connection, caller.person_id, caller.session_id)
    sessions: SessionRegister = request.app.state.sessions
    sessions.forget_session(caller.session_id)
    return end(request, "/login")
