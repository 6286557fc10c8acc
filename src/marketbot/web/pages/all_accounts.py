"""GET /operator/accounts: everybody's accounts with their health, narrowed and paged by the database; or as a file."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.paging import IdKey
from marketbot.domain.key_reason import stored_text
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.store.account_list import (
    ENVIRONMENTS,
    LAST_ID,
    STATUSES,
    AccountFilter,
    ListedAccount,
    list_accounts,
    list_venues,
)
from marketbot.web.page import seen_by, show
from marketbot.web.table import Column, Filter, Option, chosen, csv_answer, read_table, typed, wants_csv

NAME = "all_accounts"
NEWEST, OLDEST = "newest", "oldest"
ANY = Option("", "filter.any")


def columns_for(language: Language) -> Sequence[Column[ListedAccount]]:
    """Return the columns; why an account stands still is told in the viewer's words."""
    return (
        Column("label", lambda row: row.label, "placed_account", lead=True),
        Column("user", lambda row: row.user_name, "user_link"),
        Column("venue", lambda row: row.venue, shown=False),
        Column("environment", lambda row: row.environment, shown=False),
        Column("status", lambda row: row.status, "status"),
        Column(
            "status_reason", lambda row: stored_text(row.status_code, row.status_facts, row.status_reason, language), full=True
        ),
        Column("trading", lambda row: "paused" if row.paused else "reduce_only" if row.reduce_only else "active", "trading"),
        Column("open_positions", lambda row: row.open_positions, "number", end=True),
        Column("wallet_balance", lambda row: row.wallet_balance, "money", end=True),
        Column("balance_read_at", lambda row: row.balance_read_at, "ago"),
        Column("account_id", lambda row: row.account_id, "number", end=True),
    )


@get("/operator/accounts", opt=demands(Scope.OPERATOR_READ))
async def all_accounts(request: ApiRequest) -> Response[bytes]:
    database: Database = request.app.state.database
    asked = request.query_params
    columns = columns_for(seen_by(request).language)
    venues = await database.reads.read(list_venues)
    wanted = AccountFilter(
        chosen(asked, "status", STATUSES),
        chosen(asked, "environment", ENVIRONMENTS),
        chosen(asked, "venue", venues),
        typed(asked, "q"),
    )
    newest_first = chosen(asked, "order", (NEWEST, OLDEST)) != OLDEST
    first = IdKey(LAST_ID if newest_first else 0)

    async def read(behind: IdKey, limit: int) -> Sequence[ListedAccount]:
        return await database.reads.read(
            lambda connection: list_accounts(connection, wanted, behind.above, limit, newest_first=newest_first)
        )

    if wants_csv(request):
        return await csv_answer(request, NAME, columns, first, read, key_of)
    table = await read_table(request, NAME, columns, first, read, key_of, _filters(wanted, venues, newest_first))
    return await show(request, "all_accounts.html", table=table)


def key_of(row: ListedAccount) -> IdKey:
    return IdKey(row.account_id)


def _filters(wanted: AccountFilter, venues: Sequence[str], newest_first: bool) -> list[Filter]:
    return [
        Filter("q", value=wanted.begins or ""),
        Filter("status", (ANY, *(Option(each, f"status.{each}") for each in STATUSES)), wanted.status or ""),
        Filter("environment", (ANY, *(Option(each, f"environment.{each}") for each in ENVIRONMENTS)), wanted.environment or ""),
        Filter("venue", (ANY, *(Option(each, f"venue.{each}") for each in venues)), wanted.venue or ""),
        Filter("order", (Option(NEWEST, "filter.newest"), Option(OLDEST, "filter.oldest")), NEWEST if newest_first else OLDEST),
    ]
