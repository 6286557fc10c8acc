"""/forgot and /reset: a new password by a link that is sent to one's address."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest
from marketbot.people.changes import reset_password
from marketbot.people.passwords import HashingFull
from marketbot.web.admission import form_of
from marketbot.web.forms import Form
from marketbot.web.page import go_to, show
from marketbot.web.people import reception_of, seen_of, told


@get("/reset")
async def reset(request: ApiRequest) -> Response[bytes]:
    return await show(request, "reset.html", form=Form({"token": request.query_params.get("token", "")}))


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
