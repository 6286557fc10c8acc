"""/profile/passkeys: the passkeys of whoever is logged in. They are made and shown by a script, which speaks to /v1."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, of_person, person_of
from marketbot.api.fields import FieldInvalid
from marketbot.api.paging import MAX_ID
from marketbot.api.passkeys import forget_passkey, party, passkey_name
from marketbot.store.passkeys import list_passkeys, rename_passkey
from marketbot.web.admission import form_of
from marketbot.web.forms import Form
from marketbot.web.page import go_to, show
from marketbot.web.people import reception_of

PAGE = "/profile/passkeys"


@get(PAGE, opt=of_person())
async def passkeys(request: ApiRequest) -> Response[bytes]:
    async with reception_of(request).connect() as connection:
        rows = await list_passkeys(connection, person_of(request))
    return await show(request, "passkeys.html", rows=rows, offered=party(request), form=Form())


@post(f"{PAGE}/name", opt=of_person())
async def name_passkey(request: ApiRequest) -> Response[bytes]:
    """Give one of one's passkeys another name."""
    number = _number(request)
    try:
        name = passkey_name({"name": form_of(request).get("name")})
    except FieldInvalid:
        return go_to(request, PAGE, "unchanged")
    async with reception_of(request).connect() as connection:
        row = await rename_passkey(connection, person_of(request), number, name)
    return go_to(request, PAGE, "unchanged" if row is None else "saved")


@post(f"{PAGE}/remove", opt=of_person())
async def drop_passkey(request: ApiRequest) -> Response[bytes]:
    """Let one of one's passkeys open nothing any more."""
    return go_to(request, PAGE, "passkey_removed" if await forget_passkey(request, _number(request)) else "unchanged")


def _number(request: ApiRequest) -> int:
    text = form_of(request).get("passkey", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) else 0
    return number if number <= MAX_ID else 0
