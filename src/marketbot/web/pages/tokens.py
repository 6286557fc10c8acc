"""/profile/tokens: a user's API tokens. A new one is shown once; each is revoked by its own button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, caller_of, demands, user_of
from marketbot.api.paging import IdKey
from marketbot.api.token_wishes import MAX_NAME_CHARS, WishInvalid, read_token_wish
from marketbot.api.tokens import make_own, revoke_own
from marketbot.api.user_door import UserDoor
from marketbot.domain.scope import READING_SCOPES, USER_SCOPES, Scope
from marketbot.store.tokens import LIVE_TOKENS_MAX, TokenRow, list_own_tokens
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show
from marketbot.web.pages.home import read_number
from marketbot.web.table import read_table

NAME = "tokens"
PATH = "/profile/tokens"
SCOPE = "scope:"
"""How the boxes of scopes are named: one field each, for a form has every name once."""
LIVES = ("30", "90", "365", "")
"""Days that a token may be given here; the last is without an end."""


@get(PATH, opt=demands(Scope.ACCOUNTS_READ))
async def tokens(request: ApiRequest) -> Response[bytes]:
    ticked = {f"{SCOPE}{scope.value}": "true" for scope in READING_SCOPES}
    return await _show(request, Form({"days": "90", **ticked}))


@post(PATH, opt=demands(Scope.TOKENS_WRITE))
async def make_token(request: ApiRequest) -> Response[bytes]:
    """Make a token that opens no more than its user may, and show it this once."""
    typed, caller = form_of(request), caller_of(request)
    now = seen_by(request).formats.now
    errors = _errors(typed)
    if errors:
        return await _show(request, Form(typed, errors))
    try:
        wish = read_token_wish(_document(typed, now), caller.scopes & USER_SCOPES, now, caller.expires_at)
    except WishInvalid:
        return error_page(request, 400)  # no form of ours asks for it
    made = await make_own(request, wish)
    if made is None:
        return await _show(request, Form(typed, {"": "refused.TOKEN_LIMIT_REACHED"}))
    return await show(request, "shown_once.html", secret=made[1], back=PATH, kind="token")


@post(PATH + "/revoke", opt=demands(Scope.TOKENS_WRITE))
async def revoke_token(request: ApiRequest) -> Response[bytes]:
    row = await revoke_own(request, read_number(form_of(request).get("token", "")))
    return error_page(request, 404) if row is None else go_to(request, PATH, "token_revoked")


async def _show(request: ApiRequest, form: Form) -> Response[bytes]:
    door: UserDoor = request.app.state.door
    user_id = user_of(request)

    async def read(after: IdKey, limit: int) -> Sequence[TokenRow]:
        rows, _ = await door.read(user_id, lambda connection: list_own_tokens(connection, user_id, after.above, limit))
        return rows

    table = await read_table(request, NAME, (), IdKey(), read, lambda row: (row.token_id,))
    scopes = [scope.value for scope in Scope if scope in USER_SCOPES & caller_of(request).scopes]
    return await show(
        request,
        "tokens.html",
        status=422 if form.errors else 200,
        table=table,
        form=form,
        scopes=scopes,
        scope=SCOPE,
        lives=LIVES,
        limit=LIVE_TOKENS_MAX,
    )


def _errors(typed: Mapping[str, str]) -> dict[str, str]:
    name, errors = typed.get("name", "").strip(), {}
    if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
        errors["name"] = "fault.name"
    if not _scopes(typed):
        errors["scopes"] = "fault.scopes"
    if typed.get("days", "") not in LIVES:
        errors["days"] = "fault.invalid"
    return errors


def _document(typed: Mapping[str, str], now: datetime) -> dict[str, Any]:
    days = typed.get("days", "")
    expires_at = (now + timedelta(days=int(days))).isoformat() if days else None
    return {"name": typed.get("name", ""), "scopes": _scopes(typed), "expires_at": expires_at}


def _scopes(typed: Mapping[str, str]) -> list[str]:
    return [name.removeprefix(SCOPE) for name, value in typed.items() if name.startswith(SCOPE) and value == "true"]
