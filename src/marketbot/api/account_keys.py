"""POST /v1/accounts, its key, its test and its end; and what a user must know to make a key: the venues, and our addresses.

A key that arrives here is sealed to the engines at once. This process cannot open it again, nor any other.
"""

from __future__ import annotations

from litestar import Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler

from marketbot.accounts import onboarding
from marketbot.accounts.onboarding import Objection
from marketbot.accounts.records import Problem
from marketbot.accounts.venue_guide import venue_guides
from marketbot.api import key_changes
from marketbot.api.accounts import told_account
from marketbot.api.admission import ApiRequest, demands, spoken_by, user_of
from marketbot.api.answers import json_answer
from marketbot.api.bodies import MAX_COMMAND_BYTES, read_object
from marketbot.api.database import Database
from marketbot.api.key_changes import Changed
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.user_door import UserDoor
from marketbot.domain.ids import AccountId
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.store.source_offer import list_offered
from marketbot.store.user_accounts import list_own_accounts

MAX_EGRESS_ACCOUNTS = 1_000
"""Accounts of a user that ``/v1/egress`` names, as many as a user may be allowed."""

_ANSWERS = {
    Objection.NOT_FOUND: ApiReason.NOT_FOUND,
    Objection.LABEL_IN_USE: ApiReason.ALREADY_EXISTS,
    Objection.LIMIT_REACHED: ApiReason.ACCOUNT_LIMIT_REACHED,
    Objection.KEY_IN_USE: ApiReason.KEY_IN_USE,
    Objection.KEY_REVOKED: ApiReason.KEY_REVOKED,
    Objection.SOURCE_UNKNOWN: ApiReason.FIELD_INVALID,
    Objection.ENGINE_AWAY: ApiReason.ENGINE_AWAY,
    Objection.BUSY: ApiReason.ACCOUNT_BUSY,
    Objection.DISCONNECTED: ApiReason.ACCOUNT_DISCONNECTED,
}


@post("/v1/accounts", opt=demands(Scope.ACCOUNTS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def post_account(request: ApiRequest) -> Response[bytes]:
    """Connect an account. 202: an engine takes the key and proves it; the account's status says how that went."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    wish = onboarding.read_account(document)
    if isinstance(wish, list):
        return _problems(wish, spoken_by(request))
    return _told(request, await key_changes.connect_account(request, wish))


@put("/v1/accounts/{account_id:int}/key", opt=demands(Scope.ACCOUNTS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def put_key(request: ApiRequest) -> Response[bytes]:
    """Give an account another key; the one it has works until an engine has taken the new one."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    wish = onboarding.read_key(document)
    if isinstance(wish, list):
        return _problems(wish, spoken_by(request))
    account_id = _account_id(request)
    if account_id is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return _told(request, await key_changes.give_key(request, account_id, wish))


@put("/v1/accounts/{account_id:int}/follows", opt=demands(Scope.SETTINGS_WRITE), request_max_body_size=MAX_COMMAND_BYTES)
async def put_follows(request: ApiRequest) -> Response[bytes]:
    """Let an account follow exactly the sources that are named: ``{"follows": ["momentum"]}``."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    names = onboarding.read_follows(document)
    if isinstance(names, list):
        return _problems(names, spoken_by(request))
    account_id = _account_id(request)
    if account_id is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return _told(request, await key_changes.follow_sources(request, account_id, names), 200)


@post("/v1/accounts/{account_id:int}/test", opt=demands(Scope.ACCOUNTS_WRITE))
async def post_test(request: ApiRequest) -> Response[bytes]:
    """Have the venue asked anew. 202: the result is the account's ``key_code`` once ``key_checked_at`` is later than ``key_asked_at``."""
    account_id = _account_id(request)
    if account_id is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return _told(request, await key_changes.prove_key(request, account_id))


@delete("/v1/accounts/{account_id:int}", opt=demands(Scope.ACCOUNTS_WRITE), status_code=200)
async def delete_account(request: ApiRequest) -> Response[bytes]:
    """Disconnect an account: its key goes, its books stay. ``?force=true`` although it holds something."""
    spoken = spoken_by(request)
    force = request.query_params.get("force", "false")
    if force not in ("true", "false"):
        return api_problem(ApiReason.PARAMETER_INVALID, spoken, "force is true or false")
    account_id = _account_id(request)
    if account_id is None:
        return api_problem(ApiReason.NOT_FOUND, spoken)
    done = await key_changes.disconnect_account(request, account_id, force=force == "true")
    if isinstance(done, Objection):
        return _objected(done, spoken)
    return json_answer({"simulated": done.simulated, **told_account(done.account, spoken), "left_at_the_venue": done.left})


@get("/v1/egress", opt=demands(Scope.ACCOUNTS_READ))
async def show_egress(request: ApiRequest) -> Response[bytes]:
    """The addresses that requests leave from: what a key's list of addresses must hold. An account keeps its own."""
    door: UserDoor = request.app.state.door
    ways = key_changes.ways_out(request)
    user_id = user_of(request)
    rows, simulated = await door.read(
        user_id, lambda connection: list_own_accounts(connection, user_id, AccountId(0), MAX_EGRESS_ACCOUNTS)
    )
    own = [
        {"account_id": row.account_id, "label": row.label, "address": ways[row.egress].host if row.egress < len(ways) else None}
        for row in rows
        if row.status != "disconnected"
    ]
    addresses = [{"address": way.host, "proxy": way.is_proxy} for way in ways]
    return json_answer({"simulated": simulated, "addresses": addresses, "accounts": own})


@get("/v1/venues", opt=demands(Scope.ACCOUNTS_READ))
async def show_venues(request: ApiRequest) -> Response[bytes]:
    """The venues on offer, and how to make a key at each."""
    return json_answer({"venues": venue_guides(spoken_by(request))})


def _told(request: ApiRequest, done: Changed | Objection, status: int = 202) -> Response[bytes]:
    spoken = spoken_by(request)
    if isinstance(done, Objection):
        return _objected(done, spoken)
    return json_answer({"simulated": done.simulated, **told_account(done.account, spoken)}, status)


@get("/v1/sources", opt=demands(Scope.ACCOUNTS_READ))
async def show_sources(request: ApiRequest) -> Response[bytes]:
    """The sources that an account may follow, by name."""
    database: Database = request.app.state.database
    return json_answer({"sources": await database.reads.read(list_offered)})


def _account_id(request: ApiRequest) -> AccountId | None:
    account_id: int = request.path_params["account_id"]
    return AccountId(account_id) if 0 < account_id <= MAX_ID else None


def _objected(objection: Objection, spoken: Language) -> Response[bytes]:
    detail = "follows names a source that does not exist" if objection is Objection.SOURCE_UNKNOWN else ""
    return api_problem(_ANSWERS[objection], spoken, detail)


def _problems(problems: list[Problem], spoken: Language) -> Response[bytes]:
    return api_problem(
        ApiReason.FIELD_INVALID, spoken, errors=[{"field": each.field, "detail": each.sentence} for each in problems]
    )


def account_key_routes() -> list[HTTPRouteHandler]:
    """Return these routes for ``accounts_router``: a path belongs to one router, whatever its methods."""
    return [post_account, put_key, put_follows, post_test, delete_account, show_egress, show_venues, show_sources]
