"""/v1/operator/people and /v1/operator/invitations: who may log in, and as what."""

from __future__ import annotations

from dataclasses import asdict

from litestar import Response, Router, delete, get, patch, post

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.fields import email_field, flag_field, language_field, refuse_others, role_field
from marketbot.api.lists import everybodys_page
from marketbot.api.paging import IdKey
from marketbot.api.people_commands import alter_person, ask_reset_link, invite_person, named_person, take_invitation_back
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.session_answers import refusal_answer
from marketbot.domain.person import Locale
from marketbot.domain.scope import Scope
from marketbot.people.administration import PersonChange
from marketbot.store.invitations import list_invitations
from marketbot.store.people import PersonRow, list_people


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
    person_id = named_person(request)
    if person_id is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    changed = await alter_person(request, person_id, change)
    return json_answer(changed) if isinstance(changed, PersonRow) else refusal_answer(request, changed)


@post("/v1/operator/people/{person_id:int}/reset-link", opt=demands(Scope.PEOPLE_WRITE))
async def post_reset_link(request: ApiRequest) -> Response[bytes]:
    """Have somebody sent a link for a new password; where no mail is set up it is in the answer, this once, to be handed over."""
    link = await ask_reset_link(request, named_person(request))
    if link is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return json_answer({"mailed": link.mailed, "link": link.url}, 201)


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
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("email", "role", "language"))
    made = await invite_person(request, email_field(document), role_field(document), language_field(document, Locale.PT_BR))
    if isinstance(made, ApiReason):
        return api_problem(made, spoken_by(request), f"inviting staff needs {Scope.PEOPLE_WRITE}")
    if not isinstance(made, tuple):
        return refusal_answer(request, made)
    invitation, link = made
    return json_answer({**asdict(invitation), "mailed": link.mailed, "link": link.url}, 201)


@delete("/v1/operator/invitations/{invitation_id:int}", opt=demands(Scope.USERS_WRITE), status_code=200)
async def delete_invitation(request: ApiRequest) -> Response[bytes]:
    """Take an open invitation back."""
    row = await take_invitation_back(request)
    if isinstance(row, ApiReason):
        detail = f"it needs {Scope.PEOPLE_WRITE}" if row is ApiReason.SCOPE_MISSING else ""
        return api_problem(row, spoken_by(request), detail)
    return json_answer(row)


def operator_people_router() -> Router:
    handlers = [show_people, patch_person, post_reset_link, show_invitations, post_invitation, delete_invitation]
    return Router(path="/", route_handlers=handlers, before_request=admit)
