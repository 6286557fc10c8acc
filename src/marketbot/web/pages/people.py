"""GET /operator/people and everybody's own page: who may log in and as what, changed as far as the viewer's scopes go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, caller_of, demands
from marketbot.api.database import Database
from marketbot.api.paging import IdKey
from marketbot.api.people_commands import alter_person, ask_reset_link, named_person
from marketbot.domain.role import STAFF, Role
from marketbot.domain.scope import Scope
from marketbot.people.administration import PersonChange
from marketbot.people.reception import Refusal
from marketbot.store.people import read_person
from marketbot.store.people_list import ListedPerson, PersonFilter, list_people_seen
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.forms import Form
from marketbot.web.page import go_to, show
from marketbot.web.table import Column, Filter, Option, chosen, csv_answer, read_table, typed, wants_csv

NAME = "people"
ANY = Option("", "filter.any")
COLUMNS: Sequence[Column[ListedPerson]] = (
    Column("person", lambda row: row.name, "person", lead=True),
    Column("email", lambda row: row.email),
    Column("role", lambda row: row.role.value, "role"),
    Column("second_factor", lambda row: row.totp_confirmed_at, "second_factor"),
    Column("logged_in_at", lambda row: row.logged_in_at, "ago"),
    Column("standing", lambda row: row.standing, "standing"),
    Column("person_id", lambda row: row.person_id, "number", end=True, shown=False),
)


@get("/operator/people", opt=demands(Scope.AUDIT_READ))
async def people(request: ApiRequest) -> Response[bytes]:
    database: Database = request.app.state.database
    asked = request.query_params
    role = chosen(asked, "role", [each.value for each in Role])
    wanted = PersonFilter(None if role is None else Role(role), typed(asked, "person"))

    async def read(behind: IdKey, limit: int) -> Sequence[ListedPerson]:
        async with database.connection() as connection:
            return await list_people_seen(connection, wanted, behind.above, limit)

    if wants_csv(request):
        return await csv_answer(request, NAME, COLUMNS, IdKey(), read, _key_of)
    filters = [
        Filter("person", value=wanted.begins or ""),
        Filter("role", (ANY, *(Option(each.value, f"role.{each.value}") for each in Role)), role or ""),
    ]
    table = await read_table(request, NAME, COLUMNS, IdKey(), read, _key_of, filters)
    may_invite = Scope.USERS_WRITE in caller_of(request).scopes
    return await show(request, "people.html", table=table, may_invite=may_invite)


@get("/operator/people/{person_id:int}", opt=demands(Scope.AUDIT_READ))
async def person(request: ApiRequest) -> Response[bytes]:
    return await _show(request, Form())


@post("/operator/people/{person_id:int}", opt=demands(Scope.PEOPLE_WRITE))
async def change_person(request: ApiRequest) -> Response[bytes]:
    """Do what one button of the page says: another role, shut out or let in, help back in."""
    change, person_id = read_change(form_of(request)), named_person(request)
    if change is None:
        return error_page(request, 400)
    if person_id is None:
        return error_page(request, 404)
    changed = await alter_person(request, person_id, change)
    if changed is Refusal.NOBODY:
        return error_page(request, 404)
    if isinstance(changed, Refusal):
        return await _show(request, Form(form_of(request), {"": f"refusal.{changed.value}"}))
    return go_to(request, f"/operator/people/{person_id}", "person_changed")


@post("/operator/people/{person_id:int}/reset-link", opt=demands(Scope.PEOPLE_WRITE))
async def send_reset_link(request: ApiRequest) -> Response[bytes]:
    """Have a link for a new password mailed, or show it this once."""
    person_id = named_person(request)
    link = await ask_reset_link(request, person_id)
    if link is None:
        return error_page(request, 404)
    if link.url is None:
        return go_to(request, f"/operator/people/{person_id}", "link_mailed")
    return await show(request, "link_once.html", link=link.url, of="reset", back=f"/operator/people/{person_id}")


def read_change(form: Mapping[str, str]) -> PersonChange | None:
    """Return the change that a form asks for: one field of ``role``, ``disabled``, ``without_second_factor``, ``unlocked``."""
    asked = {name: form[name] for name in ("role", "disabled", "without_second_factor", "unlocked") if name in form}
    match list(asked.items()):
        case [("role", role)] if role in {each.value for each in Role}:
            return PersonChange(role=Role(role))
        case [("disabled", ("true" | "false") as disabled)]:
            return PersonChange(disabled=disabled == "true")
        case [("without_second_factor", "true")]:
            return PersonChange(without_second_factor=True)
        case [("unlocked", "true")]:
            return PersonChange(unlocked=True)
        case _:
            return None


async def _show(request: ApiRequest, form: Form) -> Response[bytes]:
    database: Database = request.app.state.database
    person_id = named_person(request)
    async with database.connection() as connection:
        found = None if person_id is None else await read_person(connection, person_id)
        seen = [] if found is None else await list_people_seen(connection, PersonFilter(), found.person_id - 1, 1)
    if found is None or not seen:
        return error_page(request, 404)
    caller = caller_of(request)
    return await show(
        request,
        "person.html",
        status=422 if form.errors else 200,
        person=found,
        seen=seen[0],
        form=form,
        roles=[each.value for each in Role if each in STAFF],
        may_change=Scope.PEOPLE_WRITE in caller.scopes and found.erased_at is None,
        own=caller.person_id == found.person_id,
    )


def _key_of(row: ListedPerson) -> IdKey:
    return IdKey(row.person_id)
