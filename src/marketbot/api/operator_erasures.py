"""/v1/operator/erasures: who is to be erased and who was, by number; asked for, and taken back."""

from __future__ import annotations

from litestar import Response, Router, delete, get, post

from marketbot.api.admission import ApiRequest, admit, demands, spoken_by
from marketbot.api.answers import json_answer, page_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.fields import flag_field, refuse_others
from marketbot.api.identity import actor_of
from marketbot.api.paging import MAX_ID, read_cursor, read_limit
from marketbot.api.privacy import erasure_answer
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.session_answers import refusal_answer
from marketbot.api.user_door import UserDoor
from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.scope import Scope
from marketbot.people.reception import Refusal
from marketbot.privacy.erasing import ask_for, keep, person_subject, user_subject
from marketbot.store.erasures import list_erasures, read_erasure

NOUN = "erasures"


@get("/v1/operator/erasures", opt=demands(Scope.AUDIT_READ))
async def show_erasures(request: ApiRequest) -> Response[bytes]:
    """All erasures, the newest first: who by number, when, and what they wait for or left at the venues."""
    database: Database = request.app.state.database
    door: UserDoor = request.app.state.door
    limit = read_limit(request.query_params)
    (below,) = read_cursor(request.query_params, NOUN, (MAX_ID,))
    async with database.connection() as connection:
        rows = await list_erasures(connection, below, limit)
        simulated = await door.simulated(connection)
    return page_answer(NOUN, rows, (rows[-1].erasure_id,) if len(rows) == limit else None, simulated=simulated)


@post("/v1/operator/people/{person_id:int}/erasure", opt=demands(Scope.PEOPLE_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def post_persons_erasure(request: ApiRequest) -> Response[bytes]:
    """Ask for a person's erasure, with the user whose rows are theirs; ``force`` although something is open."""
    return await _ask(request, request.path_params["person_id"], is_person=True)


@post("/v1/operator/users/{user_id:int}/erasure", opt=demands(Scope.PEOPLE_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def post_users_erasure(request: ApiRequest) -> Response[bytes]:
    """The same for a user, who need not be anybody who logs in."""
    return await _ask(request, request.path_params["user_id"], is_person=False)


async def _ask(request: ApiRequest, number: int, *, is_person: bool) -> Response[bytes]:
    database: Database = request.app.state.database
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("force",))
    force = bool(flag_field(document, "force"))
    async with database.connection() as connection:
        subject = None
        if 0 < number <= MAX_ID:
            subject = (
                await person_subject(connection, PersonId(number))
                if is_person
                else await user_subject(connection, UserId(number))
            )
        if subject is None:
            return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
        asked = await ask_for(connection, subject, actor_of(request), force=force)
    return refusal_answer(request, asked) if isinstance(asked, Refusal) else erasure_answer(request, asked)


@delete("/v1/operator/erasures/{erasure_id:int}", opt=demands(Scope.PEOPLE_WRITE), status_code=200)
async def delete_erasure(request: ApiRequest) -> Response[bytes]:
    """Take an erasure back that is not done."""
    database: Database = request.app.state.database
    erasure_id: int = request.path_params["erasure_id"]
    async with database.connection() as connection:
        erasure = await read_erasure(connection, erasure_id) if 0 < erasure_id <= MAX_ID else None
        if erasure is None or not await keep(connection, erasure, actor_of(request)):
            return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return json_answer({"kept": True})


def operator_erasures_router() -> Router:
    handlers = [show_erasures, post_persons_erasure, post_users_erasure, delete_erasure]
    return Router(path="/", route_handlers=handlers, before_request=admit)
