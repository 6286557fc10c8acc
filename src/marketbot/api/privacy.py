"""/v1/me/export and /v1/me/erasure: a copy of one's data, and that it goes. For whoever is logged in; tokens open neither."""

from __future__ import annotations

from litestar import Response, Router, delete, get, post

from marketbot.api.admission import ApiRequest, admit, caller_of, of_person, person_of, refuse_other_sites, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.exports import export_answer
from marketbot.api.fields import flag_field, refuse_others, secret_field
from marketbot.api.identity import actor_of
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.session_answers import refusal_answer, seen_by
from marketbot.people.reception import Reception
from marketbot.privacy.erasing import OWN_WAIT, Held, ask_own, keep, keep_by_link
from marketbot.store.erasing import users_holdings
from marketbot.store.erasures import Erasure, find_open


@post("/v1/me/export", opt=of_person(), request_max_body_size=MAX_COMMAND_BYTES)
async def post_export(request: ApiRequest) -> Response[bytes]:
    """Everything that is kept about whoever is logged in, as a ZIP of JSON files, against ``password``. It is not stored anywhere."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("password",))
    return await export_answer(request, secret_field(document, "password"))


@get("/v1/me/erasure", opt=of_person())
async def show_erasure(request: ApiRequest) -> Response[bytes]:
    """The erasure that waits, if there is one, and what would stand in its way."""
    database: Database = request.app.state.database
    user_id = caller_of(request).user_id
    async with database.connection() as connection:
        erasure = await find_open(connection, person_of(request), None)
        held = None if user_id is None else await users_holdings(connection, user_id)
    return json_answer({"erasure": erasure, "holdings": held, "wait_s": int(OWN_WAIT.total_seconds())})


@post("/v1/me/erasure", opt=of_person(), request_max_body_size=MAX_COMMAND_BYTES, status_code=202)
async def post_erasure(request: ApiRequest) -> Response[bytes]:
    """Ask to be erased, against ``password`` and, where a second factor is set up, ``code``; ``force`` although something is open."""
    reception: Reception = request.app.state.reception
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("password", "code", "force"))
    password = secret_field(document, "password")
    code = secret_field(document, "code") if "code" in document else ""
    force = bool(flag_field(document, "force"))
    asked = await ask_own(reception, person_of(request), password, code, seen_by(request), force=force)
    return erasure_answer(request, asked) if isinstance(asked, Erasure | Held) else refusal_answer(request, asked)


@delete("/v1/me/erasure", opt=of_person(), status_code=200)
async def delete_erasure(request: ApiRequest) -> Response[bytes]:
    """Take it back. Accounts stay paused until their owner lets them trade again."""
    database: Database = request.app.state.database
    async with database.connection() as connection:
        erasure = await find_open(connection, person_of(request), None)
        if erasure is None or not await keep(connection, erasure, actor_of(request)):
            return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return json_answer({"kept": True})


@post("/v1/erasure/keep", request_max_body_size=MAX_COMMAND_BYTES, status_code=200)
async def post_keep(request: ApiRequest) -> Response[bytes]:
    """Take an erasure back by the ``token`` of the link that its person was sent. Nobody is logged in by it."""
    reception: Reception = request.app.state.reception
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    refuse_others(document, ("token",))
    kept = await keep_by_link(reception, secret_field(document, "token"), seen_by(request))
    return json_answer({"kept": True}) if isinstance(kept, int) else refusal_answer(request, kept)


def erasure_answer(request: ApiRequest, asked: Erasure | Held) -> Response[bytes]:
    """Answer what was asked for, or what stands in its way."""
    if isinstance(asked, Held):
        held = asked.holdings
        positions = held.protected_positions + held.unprotected_positions
        detail = (
            f"{positions} open positions ({held.unprotected_positions} without a verified stop), {held.working_orders} orders"
        )
        return api_problem(ApiReason.PERSON_BUSY, spoken_by(request), detail)
    return json_answer({"erasure": asked}, 202)


def privacy_routers() -> list[Router]:
    own = [post_export, show_erasure, post_erasure, delete_erasure]
    return [
        Router(path="/", route_handlers=own, before_request=admit),
        Router(path="/", route_handlers=[post_keep], before_request=refuse_other_sites),
    ]
