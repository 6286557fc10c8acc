"""GET and POST /close: what a user has closed at the market, named before it is done. One position, one account, or everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.closing import command_own_close
from marketbot.api.operator_controls import URGENT
from marketbot.api.user_door import UserDoor
from marketbot.controls.errors import ControlRefused
from marketbot.domain.ids import AccountId
from marketbot.domain.scope import Scope
from marketbot.store.pool import Connection
from marketbot.store.user_accounts import AccountRow, read_own_account
from marketbot.store.user_trades import PositionRow, list_held
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.page import go_to, show
from marketbot.web.pages.home import read_number

SHOWN_MAX = 50
"""Positions that the question lists; that there are more is said."""
MAX_SYMBOL_CHARS = 64


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be closed; None is all of it. An account that no row can have is 0."""

    account_id: int | None
    symbol: str | None

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> Aim:
        account, symbol = fields.get("account", ""), fields.get("symbol", "")[:MAX_SYMBOL_CHARS]
        return cls(read_number(account) if account else None, symbol or None)


@get("/close", opt=demands(Scope.CLOSE_WRITE))
async def ask_close(request: ApiRequest) -> Response[bytes]:
    """List what would be closed, as it stands now, and ask."""
    aim = Aim.read(request.query_params)
    door: UserDoor = request.app.state.door
    user_id = user_of(request)

    async def read(connection: Connection) -> tuple[AccountRow | None, list[PositionRow]]:
        number = None if aim.account_id is None else AccountId(aim.account_id)
        account = None if number is None else await read_own_account(connection, user_id, number)
        return account, await list_held(connection, user_id, number, aim.symbol, SHOWN_MAX + 1)

    (account, held), simulated = await door.read(user_id, read)
    if aim.account_id is not None and account is None:
        return error_page(request, 404)
    return await show(
        request,
        "close.html",
        simulated=simulated,
        aim=aim,
        account=account,
        held=held[:SHOWN_MAX],
        more=len(held) > SHOWN_MAX,
        real=any(row.environment == "mainnet" for row in held),
    )


@post("/close", opt=demands(Scope.CLOSE_WRITE) | URGENT)
async def take_close(request: ApiRequest) -> Response[bytes]:
    """Have it closed, and go where its progress is shown."""
    aim = Aim.read(form_of(request))
    try:
        made = await command_own_close(request, aim.account_id, aim.symbol, "")
    except ControlRefused:
        return error_page(request, 400)
    return error_page(request, 404) if made is None else go_to(request, f"/home?close={made.command_id}", "closing")
