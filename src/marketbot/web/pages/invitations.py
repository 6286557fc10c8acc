"""GET and POST /operator/people/invitations: who is invited as what; the link is mailed, or shown this once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.people_commands import invite_person, may_invite, take_invitation_back
from marketbot.api.problems import ApiReason
from marketbot.domain.person import Locale
from marketbot.domain.reasons import Language
from marketbot.domain.role import Role
from marketbot.domain.scope import Scope
from marketbot.people.email_address import read_email
from marketbot.people.reception import Refusal
from marketbot.store.invitations import InvitationRow, latest_invitations
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show
from marketbot.web.table import Column, csv_answer, read_table, wants_csv
from marketbot.web.viewer import Viewer

NAME = "invitations"
COLUMNS: Sequence[Column[InvitationRow]] = (
    Column("email", lambda row: row.email, lead=True),
    Column("role", lambda row: row.role.value),
    Column("created_at", lambda row: row.created_at),
    Column("expires_at", lambda row: row.expires_at),
    Column("accepted_at", lambda row: row.accepted_at),
    Column("revoked_at", lambda row: row.revoked_at),
    Column("invitation_id", lambda row: row.invitation_id),
)


def standing_of(row: InvitationRow, now: datetime) -> str:
    """Return what became of an invitation: ``accepted``, ``withdrawn``, ``expired``, or ``open``."""
    if row.accepted_at is not None:
        return "accepted"
    if row.revoked_at is not None:
        return "withdrawn"
    return "expired" if row.expires_at <= now else "open"


@get("/operator/people/invitations", opt=demands(Scope.USERS_WRITE))
async def invitations(request: ApiRequest) -> Response[bytes]:
    if wants_csv(request):
        return await csv_answer(request, NAME, COLUMNS, IdKey(MAX_ID), _reader(request), _key_of)
    return await _show(request, Form({"role": Role.USER.value, "language": _spoken(seen_by(request)).value}))


@post("/operator/people/invitations", opt=demands(Scope.USERS_WRITE))
async def send_invitation(request: ApiRequest) -> Response[bytes]:
    """Invite an address that nobody has here."""
    typed = form_of(request)
    email, role, language, errors = read_wish(typed)
    if email is None or role is None or language is None:
        return await _show(request, Form(typed, errors))
    made = await invite_person(request, email, role, language)
    if isinstance(made, ApiReason):
        return error_page(request, 403)
    if isinstance(made, Refusal):
        return await _show(request, Form(typed, {"email": f"refusal.{made.value}"}))
    link = made[1]
    if link.url is None:
        return go_to(request, "/operator/people/invitations", "invited")
    return await show(request, "link_once.html", link=link.url, of="invitation", back="/operator/people/invitations")


@post("/operator/people/invitations/{invitation_id:int}/withdraw", opt=demands(Scope.USERS_WRITE))
async def withdraw_invitation(request: ApiRequest) -> Response[bytes]:
    """Take an open invitation back: its link works no more."""
    row = await take_invitation_back(request)
    if isinstance(row, ApiReason):
        return error_page(request, 403 if row is ApiReason.SCOPE_MISSING else 404)
    return go_to(request, "/operator/people/invitations", "withdrawn")


def read_wish(typed: Mapping[str, str]) -> tuple[str | None, Role | None, Locale | None, dict[str, str]]:
    """Return who is to be invited as what, and what is wrong beside each field."""
    email = read_email(typed.get("email", ""))
    role = next((each for each in Role if each.value == typed.get("role")), None)
    language = next((each for each in Locale if each.value == typed.get("language")), None)
    errors = {} if email is not None else {"email": "fault.email"}
    errors |= {} if role is not None else {"role": "fault.invalid"}
    errors |= {} if language is not None else {"language": "fault.invalid"}
    return email, role, language, errors


async def _show(request: ApiRequest, form: Form) -> Response[bytes]:
    table = await read_table(request, NAME, COLUMNS, IdKey(MAX_ID), _reader(request), _key_of)
    now = seen_by(request).formats.now
    told = [(row, standing_of(row, now), may_invite(request, row.role)) for row in table.rows]
    return await show(
        request,
        "invitations.html",
        status=422 if form.errors else 200,
        table=table,
        told=told,
        form=form,
        roles=[each.value for each in Role if may_invite(request, each)],
        mails=request.app.state.mails,
    )


def _reader(request: ApiRequest) -> Callable[[IdKey, int], Awaitable[Sequence[InvitationRow]]]:
    database: Database = request.app.state.database

    async def read(behind: IdKey, limit: int) -> Sequence[InvitationRow]:
        async with database.connection() as connection:
            return await latest_invitations(connection, behind.above, limit)

    return read


def _key_of(row: InvitationRow) -> IdKey:
    return IdKey(row.invitation_id)


def _spoken(viewer: Viewer) -> Locale:
    return Locale.PT_BR if viewer.language is Language.PT else Locale.EN
