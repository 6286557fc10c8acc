"""GET and POST /operator/tokens: tokens that programs come in with. A new one is shown once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, caller_of, demands
from marketbot.api.database import Database
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.problems import ApiReason
from marketbot.api.token_commands import end_any_token, make_any_token
from marketbot.api.token_wishes import WishInvalid, read_name, read_token_wish
from marketbot.domain.scope import OPERATOR_TOKEN_SCOPES, Scope
from marketbot.store.tokens import LIVE_TOKENS_MAX, TokenRow, latest_tokens
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show
from marketbot.web.table import Column, Filter, Option, chosen, csv_answer, read_table, wants_csv

NAME = "operator_tokens"
LIVES_DAYS = {"30": 30, "90": 90, "365": 365, "never": None}
"""How long a token made here may last; the API takes any moment."""
RIGHTS = {"read": [Scope.OPERATOR_READ.value], "write": [Scope.OPERATOR_READ.value, Scope.OPERATOR_WRITE.value]}
OPERATORS, USERS, ALL = "operators", "users", "all"
_OF = {OPERATORS: True, USERS: False, ALL: None}
COLUMNS: Sequence[Column[TokenRow]] = (
    Column("token", lambda row: row.name, lead=True),
    Column("prefix", lambda row: row.prefix),
    Column("scopes", lambda row: " ".join(row.scopes)),
    Column("user_id", lambda row: row.user_id),
    Column("created_at", lambda row: row.created_at),
    Column("last_used_at", lambda row: row.last_used_at),
    Column("expires_at", lambda row: row.expires_at),
    Column("revoked_at", lambda row: row.revoked_at),
    Column("token_id", lambda row: row.token_id),
)


def standing_of(row: TokenRow, now: datetime) -> str:
    """Return whether a token opens anything: ``live``, ``expired`` or ``revoked``."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "live"


@get("/operator/tokens", opt=demands(Scope.OPERATOR_READ))
async def operator_tokens(request: ApiRequest) -> Response[bytes]:
    if wants_csv(request):
        return await csv_answer(request, NAME, COLUMNS, IdKey(MAX_ID), _reader(request), _key_of)
    return await _show(request, Form({"rights": "read", "life": "90"}))


@post("/operator/tokens", opt=demands(Scope.OPERATOR_WRITE))
async def make_operator_token(request: ApiRequest) -> Response[bytes]:
    """Make a token of the operators, that opens no more than its maker may, and show it this once."""
    typed, caller, now = form_of(request), caller_of(request), seen_by(request).formats.now
    errors = _faults(typed)
    if errors:
        return await _show(request, Form(typed, errors))
    days = LIVES_DAYS[typed["life"]]
    document = {
        "name": typed["name"],
        "scopes": RIGHTS[typed["rights"]],
        "expires_at": None if days is None else (now + timedelta(days=days)).isoformat(),
    }
    try:
        wish = read_token_wish(document, caller.scopes & OPERATOR_TOKEN_SCOPES, now, caller.expires_at)
    except WishInvalid:
        return await _show(request, Form(typed, {"life": "fault.token_life"}))
    made = await make_any_token(request, None, wish)
    if isinstance(made, ApiReason):
        return await _show(request, Form(typed, {"": "fault.tokens_full"}))
    return await show(request, "operator_token.html", row=made.row, token=made.token)


@post("/operator/tokens/{token_id:int}/revoke", opt=demands(Scope.OPERATOR_WRITE))
async def end_operator_token(request: ApiRequest) -> Response[bytes]:
    if await end_any_token(request) is None:
        return error_page(request, 404)
    return go_to(request, "/operator/tokens", "token_revoked")


def _faults(typed: Mapping[str, str]) -> dict[str, str]:
    errors = {}
    try:
        read_name(typed)
    except WishInvalid:
        errors["name"] = "fault.name"
    if typed.get("rights") not in RIGHTS:
        errors["rights"] = "fault.invalid"
    if typed.get("life") not in LIVES_DAYS:
        errors["life"] = "fault.invalid"
    return errors


async def _show(request: ApiRequest, form: Form) -> Response[bytes]:
    whose = chosen(request.query_params, "whose", tuple(_OF)) or OPERATORS
    filters = [Filter("whose", tuple(Option(each, f"whose.{each}") for each in _OF), whose)]
    table = await read_table(request, NAME, COLUMNS, IdKey(MAX_ID), _reader(request), _key_of, filters)
    now = seen_by(request).formats.now
    return await show(
        request,
        "operator_tokens.html",
        status=422 if form.errors else 200,
        table=table,
        told=[(row, standing_of(row, now)) for row in table.rows],
        form=form,
        lives=tuple(LIVES_DAYS),
        most=LIVE_TOKENS_MAX,
        may_change=Scope.OPERATOR_WRITE in caller_of(request).scopes,
    )


def _reader(request: ApiRequest) -> Callable[[IdKey, int], Awaitable[Sequence[TokenRow]]]:
    database: Database = request.app.state.database
    whose: Any = chosen(request.query_params, "whose", tuple(_OF)) or OPERATORS

    async def read(behind: IdKey, limit: int) -> Sequence[TokenRow]:
        async with database.connection() as connection:
            return await latest_tokens(connection, behind.above, limit, of_operators=_OF[whose])

    return read


def _key_of(row: TokenRow) -> IdKey:
    return IdKey(row.token_id)
