"""/v1/session: log in, show a code, see who one is, log out. /v1/sessions: one's other sessions."""

from __future__ import annotations

from litestar import Response, Router, delete, get, post

from marketbot.api.admission import (
    ApiRequest,
    Standing,
    admit,
    caller_of,
    of_person,
    person_of,
    refuse_other_sites,
    spoken_by,
)
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.fields import FieldInvalid, refuse_others, secret_field
from marketbot.api.identity import actor_of
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.session_answers import refusal_answer, seen_by, session_answer, session_document
from marketbot.api.session_cookie import clear_session_cookie, read_session_cookie
from marketbot.api.session_register import SessionRegister
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.person import second_factor
from marketbot.observability.logs import logger
from marketbot.people.bearer import bearer_digest, looks_like_bearer
from marketbot.people.chronicle import note_own
from marketbot.people.login import log_in, show_code
from marketbot.people.reception import NewSession, Reception
from marketbot.store.audit_trail import record
from marketbot.store.people import read_person
from marketbot.store.sessions import find_session, list_sessions, revoke_session, revoke_sessions

log = logger(__name__)


@post("/v1/session", before_request=refuse_other_sites, request_max_body_size=MAX_COMMAND_BYTES)
async def post_session(request: ApiRequest) -> Response[bytes]:
    """Log in with ``email`` and ``password``. The session that the browser had ends: nothing that was planted in it is heard of again."""
    reception: Reception = request.app.state.reception
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("email", "password"))
    email = document.get("email")
    if not isinstance(email, str):
        raise FieldInvalid("email is an e-mail address")
    new = await log_in(reception, email, secret_field(document, "password"), seen_by(request))
    if not isinstance(new, NewSession):
        return refusal_answer(request, new)
    await end_present(request)
    return session_answer(request, new)


@post("/v1/session/second-factor", opt=of_person(Standing.ANY), request_max_body_size=MAX_COMMAND_BYTES)
async def post_code(request: ApiRequest) -> Response[bytes]:
    """Show the ``code`` that the session owes, or a recovery code; the answer is another session, which opens everything of its role."""
    reception: Reception = request.app.state.reception
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("code",))
    session_id = caller_of(request).session_id
    assert session_id is not None, "such a route takes sessions alone"
    new = await show_code(reception, person_of(request), session_id, secret_field(document, "code"), seen_by(request))
    return session_answer(request, new) if isinstance(new, NewSession) else refusal_answer(request, new)


@get("/v1/session", opt=of_person(Standing.ANY))
async def show_session(request: ApiRequest) -> Response[bytes]:
    """Who is logged in, what that opens, and the token that goes along with what is changed."""
    database: Database = request.app.state.database
    sessions: SessionRegister = request.app.state.sessions
    door: UserDoor = request.app.state.door
    cookie = read_session_cookie(request)
    assert cookie is not None, "such a route takes sessions alone"
    async with database.connection() as connection:
        found = await find_session(connection, bearer_digest(cookie))
        person = None if found is None else await read_person(connection, found.person_id)
        simulated = await door.simulated(connection)
    if found is None or person is None:
        return api_problem(ApiReason.SESSION_INVALID, spoken_by(request))
    factor = second_factor(found.role, enrolled=found.enrolled, shown=found.shown)
    document = session_document(person, found.session_id, factor, sessions.csrf_of(cookie))
    return json_answer({"simulated": simulated, **document, "expires_at": found.expires_at})


@delete("/v1/session", opt=of_person(Standing.ANY), status_code=200)
async def delete_session(request: ApiRequest) -> Response[bytes]:
    """Log out."""
    await end_present(request)
    answer = json_answer({"session": None})
    clear_session_cookie(request, answer)
    return answer


@get("/v1/sessions", opt=of_person())
async def show_sessions(request: ApiRequest) -> Response[bytes]:
    """The person's live sessions, the latest first; ``present`` is the one that asks."""
    database: Database = request.app.state.database
    async with database.connection() as connection:
        rows = await list_sessions(connection, person_of(request))
    return json_answer({"sessions": rows, "present": caller_of(request).session_id})


@delete("/v1/sessions/{session_id:int}", opt=of_person(), status_code=200)
async def delete_one(request: ApiRequest) -> Response[bytes]:
    """End one of the person's sessions: here at once, in other processes within ``session_register.SESSION_AGE_S``."""
    database: Database = request.app.state.database
    sessions: SessionRegister = request.app.state.sessions
    session_id: int = request.path_params["session_id"]
    if not 0 < session_id <= MAX_ID:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    async with database.connection() as connection, connection.transaction():
        ended = await revoke_session(connection, person_of(request), session_id)
        if ended:
            await record(connection, AuditEntry(Action.SESSION_REVOKED, actor_of(request), "session", str(session_id), {}))
    if not ended:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    sessions.forget_session(session_id)
    log.info("session_revoked", session_id=session_id, person_id=person_of(request))
    return json_answer({"ended": [session_id]})


@delete("/v1/sessions", opt=of_person(), status_code=200)
async def delete_others(request: ApiRequest) -> Response[bytes]:
    """End all of the person's sessions but the one that asks."""
    database: Database = request.app.state.database
    sessions: SessionRegister = request.app.state.sessions
    async with database.connection() as connection, connection.transaction():
        ended = await revoke_sessions(connection, person_of(request), caller_of(request).session_id)
        if ended:
            facts = {"sessions": len(ended)}
            subject = str(person_of(request))
            await record(connection, AuditEntry(Action.SESSION_REVOKED, actor_of(request), "person", subject, facts))
    sessions.forget_person(person_of(request))
    log.info("sessions_revoked", sessions=len(ended), person_id=person_of(request))
    return json_answer({"ended": sorted(ended)})


async def end_present(request: ApiRequest) -> None:
    """End the session whose cookie came along, if it is one."""
    database: Database = request.app.state.database
    sessions: SessionRegister = request.app.state.sessions
    cookie = read_session_cookie(request)
    if cookie is None or not looks_like_bearer(cookie):
        return
    async with database.connection() as connection, connection.transaction():
        found = await find_session(connection, bearer_digest(cookie))
        if found is None or not await revoke_session(connection, found.person_id, found.session_id):
            return
        await note_own(connection, Action.LOGOUT, found.person_id, seen_by(request), session_id=found.session_id)
    sessions.forget_session(found.session_id)
    log.info("logged_out", session_id=found.session_id, person_id=found.person_id)


def session_router() -> Router:
    """Return the addresses of whoever is logged in, and, with a guard of its own, the one that logs in."""
    handlers = [post_session, post_code, show_session, delete_session, show_sessions, delete_one, delete_others]
    return Router(path="/", route_handlers=handlers, before_request=admit)
