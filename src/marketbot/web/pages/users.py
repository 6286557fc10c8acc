"""GET /operator/users: everybody who is a user, narrowed and paged by the database; or as a file."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.domain.scope import Scope
from marketbot.store.user_list import ListedUser, UserFilter, list_users_by
from marketbot.web.page import show
from marketbot.web.table import Column, Filter, Option, chosen, csv_answer, read_table, typed, wants_csv

NAME = "users"
NEWEST, OLDEST = "newest", "oldest"
ACCESS = ("open", "closed")
ANY = Option("", "filter.any")
COLUMNS: Sequence[Column[ListedUser]] = (
    Column("user", lambda row: row.name, "user_link", lead=True),
    Column("access", lambda row: row.access, "access"),
    Column("switched", lambda row: row.switched, "switched"),
    Column("accounts", lambda row: row.accounts, "number", end=True),
    Column("ready", lambda row: row.ready, "number", end=True),
    Column("open_positions", lambda row: row.open_positions, "number", end=True),
    Column("created_at", lambda row: row.created_at, "moment"),
    Column("disabled_at", lambda row: row.disabled_at, shown=False),
    Column("user_id", lambda row: row.user_id, "number", end=True),
)


@get("/operator/users", opt=demands(Scope.OPERATOR_READ))
async def users(request: ApiRequest) -> Response[bytes]:
    database: Database = request.app.state.database
    asked = request.query_params
    access = chosen(asked, "access", ACCESS)
    wanted = UserFilter(None if access is None else access == "open", typed(asked, "name"))
    newest_first = chosen(asked, "order", (NEWEST, OLDEST)) != OLDEST
    first = IdKey(MAX_ID if newest_first else 0)

    async def read(behind: IdKey, limit: int) -> Sequence[ListedUser]:
        return await database.reads.read(
            lambda connection: list_users_by(connection, wanted, behind.above, limit, newest_first=newest_first)
        )

    if wants_csv(request):
        return await csv_answer(request, NAME, COLUMNS, first, read, key_of)
    filters = [
        Filter("name", value=wanted.begins or ""),
        Filter("access", (ANY, *(Option(each, f"access.{each}") for each in ACCESS)), access or ""),
        Filter("order", (Option(NEWEST, "filter.newest"), Option(OLDEST, "filter.oldest")), NEWEST if newest_first else OLDEST),
    ]
    return await show(request, "users.html", table=await read_table(request, NAME, COLUMNS, first, read, key_of, filters))


def key_of(row: ListedUser) -> IdKey:
    return IdKey(row.user_id)
