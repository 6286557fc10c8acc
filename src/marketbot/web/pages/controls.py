"""GET /operator/controls: what is halted now, by whom and why; a new command; and every command that was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.domain.scope import Scope as Right
from marketbot.domain.trading_state import Scope
from marketbot.domain.venue import Environment
from marketbot.store.account_list import list_venues
from marketbot.store.audit_trail import NEWEST
from marketbot.store.control_history import KINDS, GivenCommand, list_history, list_set_switches
from marketbot.web.commanding import Deed
from marketbot.web.errors import error_page
from marketbot.web.forms import Form
from marketbot.web.page import part, show
from marketbot.web.table import Column, Filter, Option, chosen, csv_answer, read_table, wants_csv

NAME = "commands"
ANY = Option("", "filter.any")
OFFERED = (Deed.HALT, Deed.REDUCE, Deed.CLOSE)
"""What a new command may be; what is halted has its own way back beside it."""
COLUMNS: Sequence[Column[GivenCommand]] = (
    Column("asked_at", lambda row: row.asked_at, "moment"),
    Column("command", lambda row: row.kind, "command", lead=True),
    Column("state", lambda row: row.state, shown=False),
    Column("scope", lambda row: row.scope, "covered"),
    Column("key", lambda row: row.key, shown=False),
    Column("symbol", lambda row: row.symbol),
    Column("accounts", lambda row: row.accounts, "number", end=True),
    Column("open_positions", lambda row: row.open_positions, "number", end=True),
    Column("by", lambda row: row.actor_kind, "actor"),
    Column("by_number", lambda row: row.actor_id, shown=False),
    Column("reason", lambda row: row.reason, full=True),
    Column("command_id", lambda row: row.command_id, shown=False),
)


class CommandKey(NamedTuple):
    """A place in the commands, the newest first."""

    below: int = NEWEST


@get("/operator/controls", opt=demands(Right.OPERATOR_READ))
async def controls(request: ApiRequest) -> Response[bytes]:
    """The whole page, or with ``part=state`` what is halted now."""
    wanted = request.query_params.get("part", "")
    if wanted not in ("", "state"):
        return error_page(request, 404)
    if wanted:
        database: Database = request.app.state.database
        async with database.connection() as connection:
            return part(request, "controls/state.html", switches=await list_set_switches(connection))
    return await show_controls(request, Form({"deed": Deed.HALT.value, "scope": Scope.ACCOUNT.value}))


async def show_controls(request: ApiRequest, form: Form, status: int = 200) -> Response[bytes]:
    """Answer the page with what was typed into the form of a new command."""
    database: Database = request.app.state.database
    asked: Mapping[str, str] = request.query_params if status == 200 else {}
    kind, scope = chosen(asked, "kind", KINDS), chosen(asked, "covers", [each.value for each in Scope])

    async def read(behind: CommandKey, limit: int) -> Sequence[GivenCommand]:
        return await database.reads.read(lambda connection: list_history(connection, behind.below, limit, kind=kind, scope=scope))

    if status == 200 and wants_csv(request):
        return await csv_answer(request, NAME, COLUMNS, CommandKey(), read, key_of)
    async with database.connection() as connection:
        switches, venues = await list_set_switches(connection), await list_venues(connection)
    table = await read_table(request, NAME, COLUMNS, CommandKey(), read, key_of, _filters(kind, scope))
    return await show(
        request,
        "controls.html",
        status=status,
        switches=switches,
        table=table,
        form=form,
        deeds=OFFERED,
        scopes=list(Scope),
        names=[*Environment, *venues],
    )


def key_of(row: GivenCommand) -> CommandKey:
    return CommandKey(row.command_id)


def _filters(kind: str | None, scope: str | None) -> list[Filter]:
    return [
        Filter("kind", (ANY, *(Option(each, f"command_kind.{each}") for each in KINDS)), kind or ""),
        Filter("covers", (ANY, *(Option(each.value, f"stop_scope.{each.value}") for each in Scope)), scope or ""),
    ]
