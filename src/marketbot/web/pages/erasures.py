"""/operator/privacy: who is to be erased and who was, asked for and taken back. For admins."""

from __future__ import annotations

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.paging import MAX_ID
from marketbot.domain.ids import PersonId
from marketbot.domain.scope import Scope
from marketbot.people.reception import Refusal
from marketbot.privacy.erasing import Held, ask_for, keep, person_subject
from marketbot.store.erasures import list_erasures, read_erasure
from marketbot.store.people import read_person, read_person_by_email
from marketbot.web.admission import form_of
from marketbot.web.forms import Form
from marketbot.web.page import go_to, show

PAGE = "/operator/privacy"
SHOWN = 100
"""Erasures on the page, the newest; ``/v1/operator/erasures`` has all."""


@get(PAGE, opt=demands(Scope.PEOPLE_WRITE))
async def erasures(request: ApiRequest) -> Response[bytes]:
    """The page; ``person`` names by number who it was opened for, whose address is filled in: no address ever stands in a link."""
    person_id = read_number(request.query_params.get("person", ""))
    database: Database = request.app.state.database
    async with database.connection() as connection:
        person = await read_person(connection, PersonId(person_id)) if person_id else None
    return await _show(request, Form() if person is None or person.erased_at is not None else Form({"email": person.email}))


@post(PAGE, opt=demands(Scope.PEOPLE_WRITE))
async def ask_erasure(request: ApiRequest) -> Response[bytes]:
    """Ask for somebody's erasure."""
    typed = form_of(request)
    database: Database = request.app.state.database
    email = typed.get("email", "").strip()
    async with database.connection() as connection:
        person = await read_person_by_email(connection, email)
        subject = None if person is None else await person_subject(connection, person.person_id)
        asked = (
            Refusal.NOBODY
            if subject is None
            else await ask_for(connection, subject, actor_of(request), force=typed.get("force") == "yes")
        )
    if isinstance(asked, Held):
        return await _show(request, Form({"email": email}, {"force": "privacy.held"}))
    if isinstance(asked, Refusal):
        return await _show(request, Form({"email": email}, {"email": f"refusal.{asked.value}"}))
    return go_to(request, PAGE, "erasure_asked")


@post(f"{PAGE}/keep", opt=demands(Scope.PEOPLE_WRITE))
async def keep_somebody(request: ApiRequest) -> Response[bytes]:
    """Take an erasure back."""
    number = read_number(form_of(request).get("erasure", ""))
    database: Database = request.app.state.database
    async with database.connection() as connection:
        erasure = await read_erasure(connection, number) if number else None
        kept = erasure is not None and await keep(connection, erasure, actor_of(request))
    return go_to(request, PAGE, "erasure_kept" if kept else "unchanged")


def read_number(text: str) -> int:
    """Return the number of a row that a text names; 0, which none has, for anything else."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) else 0
    return number if number <= MAX_ID else 0


async def _show(request: ApiRequest, form: Form) -> Response[bytes]:
    database: Database = request.app.state.database
    async with database.connection() as connection:
        rows = await list_erasures(connection, MAX_ID, SHOWN)
    return await show(request, "erasures.html", status=422 if form.errors else 200, rows=rows, form=form)
