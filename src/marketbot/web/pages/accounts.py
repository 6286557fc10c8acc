"""GET /accounts: the viewer's own accounts, each with its state and the way to its settings."""

from __future__ import annotations

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.paging import PAGE_MAX, IdKey, read_cursor, write_cursor
from marketbot.api.user_door import UserDoor
from marketbot.domain.ids import AccountId
from marketbot.domain.scope import Scope
from marketbot.store.user_accounts import list_own_accounts
from marketbot.web.page import show

NAME = "accounts"


@get("/accounts", opt=demands(Scope.ACCOUNTS_READ))
async def accounts(request: ApiRequest) -> Response[bytes]:
    door: UserDoor = request.app.state.door
    user_id = user_of(request)
    (after,) = read_cursor(request.query_params, NAME, IdKey())
    rows, simulated = await door.read(
        user_id, lambda connection: list_own_accounts(connection, user_id, AccountId(after), PAGE_MAX)
    )
    more = write_cursor(NAME, (rows[-1].account_id,)) if len(rows) == PAGE_MAX else ""
    return await show(request, "accounts.html", simulated=simulated, accounts=rows, more=more)
