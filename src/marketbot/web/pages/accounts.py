"""GET /accounts: the viewer's own accounts, each with its state in words and the way to its key and settings; or as a file."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.user_door import UserDoor
from marketbot.domain.ids import AccountId
from marketbot.domain.key_reason import stored_text
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.store.account_list import ENVIRONMENTS, STATUSES
from marketbot.store.user_accounts import AccountRow, narrow_own_accounts
from marketbot.web.page import seen_by, show
from marketbot.web.table import Column, Filter, Option, chosen, csv_answer, read_table, wants_csv

NAME = "accounts"
NEWEST, OLDEST = "newest", "oldest"
ANY = Option("", "filter.any")
FEW = 6
"""So many accounts are seen at a glance: nothing to narrow them by is shown."""


@get("/accounts", opt=demands(Scope.ACCOUNTS_READ))
async def accounts(request: ApiRequest) -> Response[bytes]:
    door: UserDoor = request.app.state.door
    user_id, asked = user_of(request), request.query_params
    status, environment = chosen(asked, "status", STATUSES), chosen(asked, "environment", ENVIRONMENTS)
    newest_first = chosen(asked, "order", (NEWEST, OLDEST)) == NEWEST
    columns = columns_for(seen_by(request).language)

    async def read(behind: IdKey, limit: int) -> Sequence[AccountRow]:
        rows, _ = await door.read(
            user_id,
            lambda connection: narrow_own_accounts(
                connection,
                user_id,
                AccountId(behind.above),
                limit,
                status=status,
                environment=environment,
                newest_first=newest_first,
            ),
        )
        return rows

    first = IdKey(MAX_ID if newest_first else 0)
    if wants_csv(request):
        return await csv_answer(request, NAME, columns, first, read, key_of)
    filters = [
        Filter("status", (ANY, *(Option(each, f"status.{each}") for each in STATUSES)), status or ""),
        Filter("environment", (ANY, *(Option(each, f"environment.{each}") for each in ENVIRONMENTS)), environment or ""),
        Filter("order", (Option(OLDEST, "filter.oldest"), Option(NEWEST, "filter.newest")), NEWEST if newest_first else OLDEST),
    ]
    table = await read_table(request, NAME, columns, first, read, key_of, filters)
    narrowed = bool(asked)
    part_of_more = bool(table.next_path or table.first_path)
    return await show(
        request, "accounts.html", table=table, narrowed=narrowed, to_narrow=narrowed or part_of_more or len(table.rows) > FEW
    )


def columns_for(language: Language) -> Sequence[Column[AccountRow]]:
    """Return the columns; why an account stands still is told in the viewer's words."""
    return (
        Column("label", lambda row: row.label, "account_link", lead=True),
        Column("venue", lambda row: row.venue, "venue"),
        Column("environment", lambda row: row.environment, "environment"),
        Column("status", lambda row: row.status, "status"),
        Column("status_reason", lambda row: why_of(row, language), full=True),
        Column("trading", lambda row: "paused" if row.paused else "reduce_only" if row.reduce_only else "active", "trading"),
        Column("follows", lambda row: ", ".join(row.follows)),
        Column("wallet_balance", lambda row: row.wallet_balance, "money", end=True),
        Column("balance_read_at", lambda row: row.balance_read_at, shown=False),
        Column("account_id", lambda row: row.account_id, "number", shown=False),
    )


def why_of(row: AccountRow, language: Language) -> str | None:
    """Return why an account stands still; for one that trades, what should be known about its key."""
    why = stored_text(row.status_code, row.status_facts, row.status_reason, language)
    return why or stored_text(row.key_code, row.key_facts, None, language)


def key_of(row: AccountRow) -> IdKey:
    return IdKey(row.account_id)
