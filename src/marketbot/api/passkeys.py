"""/v1/passkeys and /v1/session/passkey: passkeys of whoever is logged in, and logging in by one."""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, delete, get, patch, post

from marketbot.api.admission import ApiRequest, admit, caller_of, of_person, person_of, refuse_other_sites, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.fields import FieldInvalid, refuse_others, secret_field
from marketbot.api.identity import actor_of
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.session import end_present
from marketbot.api.session_answers import refusal_answer, seen_by, session_answer
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.people.passkeys import Party, begin_login, begin_registration, log_in_by_passkey, register
from marketbot.people.reception import NewSession, Reception
from marketbot.store.audit_trail import record
from marketbot.store.passkeys import PasskeyRow, list_passkeys, remove_passkey, rename_passkey

MAX_NAME_CHARS = 60


@get("/v1/passkeys", opt=of_person())
async def show_passkeys(request: ApiRequest) -> Response[bytes]:
    """The person's passkeys; ``offered`` says whether this place's address can have any."""
    database: Database = request.app.state.database
    async with database.connection() as connection:
        rows = await list_passkeys(connection, person_of(request))
    return json_answer({"passkeys": rows, "offered": party(request) is not None})


@post("/v1/passkeys/begin", opt=of_person(), request_max_body_size=MAX_COMMAND_BYTES, status_code=200)
async def post_beginning(request: ApiRequest) -> Response[bytes]:
    """What the browser hands to ``navigator.credentials.create``, against ``password``."""
    document = await _read(request, ("password",))
    here, session_id = party(request), caller_of(request).session_id
    if isinstance(document, Response):
        return document
    if here is None or session_id is None:
        return api_problem(ApiReason.PASSKEYS_NOT_OFFERED, spoken_by(request))
    password = secret_field(document, "password")
    asked = await begin_registration(_reception(request), here, person_of(request), session_id, password, seen_by(request))
    return json_answer(asked) if isinstance(asked, dict) else refusal_answer(request, asked)  # type: ignore[arg-type]


@post("/v1/passkeys", opt=of_person(), request_max_body_size=MAX_COMMAND_BYTES)
async def post_passkey(request: ApiRequest) -> Response[bytes]:
    """Keep the ``credential`` that came of it, under a ``name``."""
    document = await _read(request, ("credential", "name"))
    here, session_id = party(request), caller_of(request).session_id
    if isinstance(document, Response):
        return document
    if here is None or session_id is None:
        return api_problem(ApiReason.PASSKEYS_NOT_OFFERED, spoken_by(request))
    name, credential = passkey_name(document), _credential(document)
    row = await register(_reception(request), here, person_of(request), session_id, credential, name, seen_by(request))
    return json_answer(row, 201) if isinstance(row, PasskeyRow) else refusal_answer(request, row)


@patch("/v1/passkeys/{passkey_id:int}", opt=of_person(), request_max_body_size=MAX_COMMAND_BYTES)
async def patch_passkey(request: ApiRequest) -> Response[bytes]:
    """Change a passkey's ``name``."""
    database: Database = request.app.state.database
    document = await _read(request, ("name",))
    if isinstance(document, Response):
        return document
    name, passkey_id = passkey_name(document), request.path_params["passkey_id"]
    async with database.connection() as connection:
        row = await rename_passkey(connection, person_of(request), passkey_id, name) if 0 < passkey_id <= MAX_ID else None
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if row is None else json_answer(row)


@delete("/v1/passkeys/{passkey_id:int}", opt=of_person(), status_code=200)
async def delete_passkey(request: ApiRequest) -> Response[bytes]:
    """Let a passkey open nothing any more."""
    gone = await forget_passkey(request, request.path_params["passkey_id"])
    return json_answer({"removed": True}) if gone else api_problem(ApiReason.NOT_FOUND, spoken_by(request))


async def forget_passkey(request: ApiRequest, passkey_id: int) -> bool:
    """Remove one of the person's passkeys; False when it is none of theirs."""
    database: Database = request.app.state.database
    person_id = person_of(request)
    async with database.connection() as connection, connection.transaction():
        gone = 0 < passkey_id <= MAX_ID and await remove_passkey(connection, person_id, passkey_id)
        if gone:
            facts = {"passkey_id": passkey_id}
            await record(connection, AuditEntry(Action.PASSKEY_REMOVED, actor_of(request), "person", str(person_id), facts))
    return gone


@post("/v1/session/passkey/begin", status_code=200)
async def post_login_beginning(request: ApiRequest) -> Response[bytes]:
    """What the browser hands to ``navigator.credentials.get``."""
    here = party(request)
    if here is None:
        return api_problem(ApiReason.PASSKEYS_NOT_OFFERED, spoken_by(request))
    asked = await begin_login(_reception(request), here, seen_by(request))
    return json_answer(asked) if isinstance(asked, dict) else refusal_answer(request, asked)  # type: ignore[arg-type]


@post("/v1/session/passkey", request_max_body_size=MAX_COMMAND_BYTES)
async def post_login(request: ApiRequest) -> Response[bytes]:
    """Log in by the ``credential`` that came of it: both factors at once."""
    document = await _read(request, ("credential",))
    here = party(request)
    if isinstance(document, Response):
        return document
    if here is None:
        return api_problem(ApiReason.PASSKEYS_NOT_OFFERED, spoken_by(request))
    new = await log_in_by_passkey(_reception(request), here, _credential(document), seen_by(request))
    if not isinstance(new, NewSession):
        return refusal_answer(request, new)
    # The session that the browser had ends: nothing that was planted in it is heard of again.
    await end_present(request)
    return session_answer(request, new)


def party(request: ApiRequest) -> Party | None:
    here: Party | None = request.app.state.party
    return here


def passkey_name(document: dict[str, Any]) -> str:
    name = document.get("name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME_CHARS or not name.isprintable():
        raise FieldInvalid(f"name is a text of at most {MAX_NAME_CHARS} characters")
    return name.strip()


def _credential(document: dict[str, Any]) -> dict[str, Any]:
    credential = document.get("credential")
    if not isinstance(credential, dict):
        raise FieldInvalid("credential is what the browser's PublicKeyCredential says as JSON")
    return credential


async def _read(request: ApiRequest, known: tuple[str, ...]) -> dict[str, Any] | Response[bytes]:
    document = await read_object(request)
    if not isinstance(document, Response):
        refuse_others(document, known)
    return document


def _reception(request: ApiRequest) -> Reception:
    reception: Reception = request.app.state.reception
    return reception


def passkey_routers() -> list[Router]:
    own = [show_passkeys, post_beginning, post_passkey, patch_passkey, delete_passkey]
    return [
        Router(path="/", route_handlers=own, before_request=admit),
        Router(path="/", route_handlers=[post_login_beginning, post_login], before_request=refuse_other_sites),
    ]
