"""/v1/operator/people and /v1/operator/invitations: who may log in, and as what."""

from __future__ import annotations

from dataclasses import asdict

from litestar import Response, Router, delete, get, patch, post

from marketbot.api.admission import ApiRequest, admit, caller_of, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.fields import email_field, flag_field, language_field, refuse_others, role_field
from marketbot.api.identity import TokenRegister, actor_of
from marketbot.api.lists import everybodys_page
from marketbot.api.paging import MAX_ID, IdKey
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.session_answers import refusal_answer
from marketbot.api.session_register import SessionRegister
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.ids import PersonId
from marketbot.domain.person import Locale
from marketbot.domain.role import STAFF
from marketbot.domain.scope import Scope
from marketbot.observability.logs import logger
from marketbot.people.administration import PersonChange, change_person, invite, make_reset_link
from marketbot.people.letters import Letter, ask_letter
from marketbot.store.audit_trail import record
from marketbot.store.invitations import list_invitations, read_invitation, revoke_invitation
from marketbot.store.people import PersonRow, list_people, read_person

log = logger(__name__)


@get("/v1/operator/people", opt=demands(Scope.AUDIT_READ))
async def show_people(request: ApiRequest) -> Response[bytes]:
    """Everybody who can log in, by ascending id."""
    return await everybodys_page(
        request,
        "people",
        IdKey(),
        lambda connection, after, limit: list_people(connection, after.above, limit),
        lambda row: (row.person_id,),
    )


@patch("/v1/operator/people/{person_id:int}", opt=demands(Scope.PEOPLE_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def patch_person(request: ApiRequest) -> Response[bytes]:
    """Change ``role``, ``disabled``; ``without_second_factor`` and ``unlocked`` help somebody back in. All of it or nothing."""
    database: Database = request.app.state.database
    tokens: TokenRegister = request.app.state.tokens
    sessions: SessionRegister = request.app.state.sessions
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("role", "disabled", "without_second_factor", "unlocked"))
    change = PersonChange(
        role=role_field(document) if "role" in document else None,
        disabled=flag_field(document, "disabled"),
        without_second_factor=bool(flag_field(document, "without_second_factor")),
        unlocked=bool(flag_field(document, "unlocked")),
    )
    person_id = _named(request)
    if person_id is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    async with database.connection() as connection:
        changed = await change_person(connection, person_id, change, actor_of(request))
    if not isinstance(changed, PersonRow):
        return refusal_answer(request, changed)
    sessions.forget_person(person_id)
    if changed.user_id is not None:
        tokens.forget_user(changed.user_id)
    log.info("person_changed", person_id=person_id, change=sorted(document), by_person=caller_of(request).person_id)
    return json_answer(changed)


@post("/v1/operator/people/{person_id:int}/reset-link", opt=demands(Scope.PEOPLE_WRITE))
async def post_reset_link(request: ApiRequest) -> Response[bytes]:
    """Have somebody sent a link for a new password; where no mail is set up it is in the answer, this once, to be handed over."""
    database: Database = request.app.state.database
    person_id = _named(request)
    async with database.connection() as connection, connection.transaction():
        person = None if person_id is None else await read_person(connection, person_id)
        if person is None or person.erased_at is not None:
            return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
        link = None
        if request.app.state.mails:
            await ask_letter(connection, Letter.RESET, person_id=person.person_id)
        else:
            link = f"{request.app.state.people_url}/reset#{(await make_reset_link(connection, person.person_id)).text}"
        facts = {"mailed": link is None}
        entry = AuditEntry(Action.PASSWORD_RESET_ASKED, actor_of(request), "person", str(person.person_id), facts)
        await record(connection, entry)
    log.info("reset_link_made", person_id=person.person_id, by_person=caller_of(request).person_id)
    return json_answer({"mailed": link is None, "link": link}, 201)


@get("/v1/operator/invitations", opt=demands(Scope.USERS_WRITE))
async def show_invitations(request: ApiRequest) -> Response[bytes]:
    """All invitations by ascending id, without their links."""
    return await everybodys_page(
        request,
        "invitations",
        IdKey(),
        lambda connection, after, limit: list_invitations(connection, after.above, limit),
        lambda row: (row.invitation_id,),
    )


@post("/v1/operator/invitations", opt=demands(Scope.USERS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def post_invitation(request: ApiRequest) -> Response[bytes]:
    """Invite ``email`` as ``role``. The link is mailed; where no mail is set up it is in the answer, this once, to be handed over."""
    database: Database = request.app.state.database
    caller = caller_of(request)
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("email", "role", "language"))
    email, role, language = email_field(document), role_field(document), language_field(document, Locale.PT_BR)
    if role in STAFF and Scope.PEOPLE_WRITE not in caller.scopes:
        return api_problem(ApiReason.SCOPE_MISSING, spoken_by(request), f"inviting staff needs {Scope.PEOPLE_WRITE}")
    async with database.connection() as connection:
        by_mail: bool = request.app.state.mails
        made = await invite(connection, email, role, language, caller.person_id, actor_of(request), by_mail=by_mail)
    if not isinstance(made, tuple):
        return refusal_answer(request, made)
    invitation, bearer = made
    log.info("invited", invitation_id=invitation.invitation_id, role=role.value, by_person=caller.person_id)
    link = None if bearer is None else f"{request.app.state.people_url}/invitation#{bearer.text}"
    return json_answer({**asdict(invitation), "mailed": bearer is None, "link": link}, 201)


@delete("/v1/operator/invitations/{invitation_id:int}", opt=demands(Scope.USERS_WRITE), status_code=200)
async def delete_invitation(request: ApiRequest) -> Response[bytes]:
    """Take an open invitation back."""
    database: Database = request.app.state.database
    caller = caller_of(request)
    invitation_id: int = request.path_params["invitation_id"]
    if not 0 < invitation_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    async with database.connection() as connection, connection.transaction():
        found = await read_invitation(connection, invitation_id)
        if found is not None and found.role in STAFF and Scope.PEOPLE_WRITE not in caller.scopes:
            return api_problem(ApiReason.SCOPE_MISSING, spoken_by(request), f"it needs {Scope.PEOPLE_WRITE}")
        row = await revoke_invitation(connection, invitation_id)
        if row is not None:
            entry = AuditEntry(Action.INVITATION_REVOKED, actor_of(request), "invitation", str(invitation_id), {})
            await record(connection, entry)
    if row is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    log.info("invitation_revoked", invitation_id=invitation_id, by_person=caller.person_id)
    return json_answer(row)


def _named(request: ApiRequest) -> PersonId | None:
    person_id: int = request.path_params["person_id"]
    return PersonId(person_id) if 0 < person_id <= MAX_ID else None


def operator_people_router() -> Router:
    handlers = [show_people, patch_person, post_reset_link, show_invitations, post_invitation, delete_invitation]
    return Router(path="/", route_handlers=handlers, before_request=admit)
