"""What is done about channels over HTTP, the same for a user and for the operator: an owner has channels, and sees no other's."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Response

from marketbot.api.admission import ApiRequest, caller_of, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import read_object
from marketbot.api.channel_wishes import ChannelInvalid, ChannelWish, read_channel_change, read_channel_wish
from marketbot.api.database import Database
from marketbot.api.identity import actor_of
from marketbot.api.limits import limit
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason, api_problem
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action
from marketbot.domain.ids import UserId
from marketbot.domain.limits import CHANNEL_CODES
from marketbot.domain.notice import OPERATOR_NOTICES, USER_NOTICES, ChannelKind, Notice, Spoken
from marketbot.domain.reasons import Language
from marketbot.notices.codes import CODE_LIFE, CODE_TRIES_MAX, code_sha256, make_link_code
from marketbot.notices.signing import make_secret
from marketbot.observability.logs import logger
from marketbot.store import channels
from marketbot.store.audit_trail import record
from marketbot.store.channels import ChannelRow, NewChannel, channel_aad, channel_entry
from marketbot.store.notice_items import put
from marketbot.store.pool import Connection
from marketbot.vault.vault import Vault

MAX_CODE_CHARS = 64

log = logger(__name__)


async def show_channels(request: ApiRequest) -> Response[bytes]:
    door: UserDoor = request.app.state.door
    owner = _owner(request)
    if owner is not None:
        rows, simulated = await door.read(owner, lambda connection: channels.list_channels(connection, owner))
    else:
        async with _writing(request) as connection:
            rows, simulated = await channels.list_channels(connection, None), await door.simulated(connection)
    offered = sorted(request.app.state.channel_kinds)
    return json_answer({"simulated": simulated, "channels": [_shown(row) for row in rows], "offered": offered})


async def add_channel(request: ApiRequest) -> Response[bytes]:
    """Add a channel. A webhook's secret, and the code that links a chat, are in this answer and nowhere else."""
    owner = _owner(request)
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        wish = read_channel_wish(document, _allowed(owner), _language(request), loopback=request.app.state.notices_to_loopback)
    except ChannelInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    if wish.kind not in request.app.state.channel_kinds:
        return api_problem(ApiReason.CHANNEL_NOT_OFFERED, spoken_by(request))
    if wish.kind is ChannelKind.EMAIL and (refused := await _limit_codes(request)) is not None:
        return refused
    secret = make_secret() if wish.kind is ChannelKind.WEBHOOK else None
    code = make_link_code() if wish.kind is ChannelKind.TELEGRAM else None
    async with _writing(request) as connection:
        row = await channels.create_channel(connection, owner, _sealed(request.app.state.vault, owner, wish, secret))
        if row is not None and code is not None:
            await channels.set_code(connection, owner, row.channel_id, code_sha256(None, code), CODE_LIFE)
        if row is not None:
            await _note(request, connection, Action.CHANNEL_ADDED, row)
    if row is None:
        return api_problem(ApiReason.CHANNEL_LIMIT_REACHED, spoken_by(request))
    if row.kind is ChannelKind.EMAIL:
        await _send_code(request, row.channel_id)
    log.info("channel_added", user_id=owner, channel_id=row.channel_id, kind=row.kind.value)
    return json_answer({"channel": _shown(row), **_shown_once(secret, code)}, 201)


async def alter_channel(request: ApiRequest) -> Response[bytes]:
    owner, channel_id = _owner(request), _channel_id(request)
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        change = read_channel_change(document, _allowed(owner))
    except ChannelInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    async with _writing(request) as connection:
        row = await channels.change_channel(connection, owner, channel_id, change)
        if row is not None:
            await _note(request, connection, Action.CHANNEL_CHANGED, row)
    if row is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    log.info("channel_changed", user_id=owner, channel_id=channel_id)
    return json_answer({"channel": _shown(row)})


async def drop_channel(request: ApiRequest) -> Response[bytes]:
    """Remove a channel; what waits for it goes too."""
    owner, channel_id = _owner(request), _channel_id(request)
    async with _writing(request) as connection:
        row = await channels.read_channel(connection, owner, channel_id)
        removed = row is not None and await channels.remove_channel(connection, owner, channel_id)
        if row is not None and removed:
            await _note(request, connection, Action.CHANNEL_REMOVED, row)
    if not removed:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    log.info("channel_removed", user_id=owner, channel_id=channel_id)
    return json_answer({"channel_id": channel_id})


async def try_channel(request: ApiRequest) -> Response[bytes]:
    """Have a message sent that says nothing."""
    return await _with_channel(request, _try)


async def renew_code(request: ApiRequest) -> Response[bytes]:
    """Give an unconfirmed channel a new code: a chat's is answered, a mailbox's is sent."""
    return await _with_channel(request, _renew)


async def show_code(request: ApiRequest) -> Response[bytes]:
    """Take the code that was sent to a mailbox."""
    owner, channel_id = _owner(request), _channel_id(request)
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    code = document.get("code")
    if not isinstance(code, str) or not 0 < len(code) <= MAX_CODE_CHARS or len(document) != 1:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), "the body is an object with code alone")
    sha256 = code_sha256(channel_id, code.strip().upper())
    async with _writing(request) as connection:
        found = await channels.read_channel(connection, owner, channel_id)
        row = None
        if found is not None and found.kind is ChannelKind.EMAIL:
            row = await channels.confirm_channel(connection, owner, channel_id, sha256, CODE_TRIES_MAX)
        if row is not None:
            await _note(request, connection, Action.CHANNEL_CONFIRMED, row)
    if found is None:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    if row is None:
        return api_problem(ApiReason.CODE_WRONG, spoken_by(request))
    log.info("channel_confirmed", user_id=owner, channel_id=channel_id)
    return json_answer({"channel": _shown(row)})


async def _with_channel(
    request: ApiRequest, act: Callable[[ApiRequest, ChannelRow], Awaitable[Response[bytes]]]
) -> Response[bytes]:
    owner, channel_id = _owner(request), _channel_id(request)
    async with _writing(request) as connection:
        row = await channels.read_channel(connection, owner, channel_id)
    return api_problem(ApiReason.NOT_FOUND, spoken_by(request)) if row is None else await act(request, row)


async def _try(request: ApiRequest, row: ChannelRow) -> Response[bytes]:
    if row.confirmed_at is None:
        return api_problem(ApiReason.CHANNEL_UNCONFIRMED, spoken_by(request))
    database: Database = request.app.state.database
    # Jobs are nobody's own rows: a user's transaction could not write one.
    async with database.connection() as connection, connection.transaction():
        await put(connection, row.user_id, row.channel_id, Notice.TEST, str(time.time_ns()), {})
    return json_answer({"channel_id": row.channel_id}, 202)


async def _renew(request: ApiRequest, row: ChannelRow) -> Response[bytes]:
    if row.confirmed_at is not None or row.kind not in (ChannelKind.TELEGRAM, ChannelKind.EMAIL):
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    if row.kind is ChannelKind.EMAIL:
        if (refused := await _limit_codes(request)) is not None:
            return refused
        await _send_code(request, row.channel_id)
        return json_answer({"channel": _shown(row)}, 202)
    code = make_link_code()
    async with _writing(request) as connection:
        given = await channels.set_code(connection, row.user_id, row.channel_id, code_sha256(None, code), CODE_LIFE)
    if not given:
        return api_problem(ApiReason.NOT_FOUND, spoken_by(request))
    return json_answer({"channel": _shown(row), **_shown_once(None, code)})


async def _note(request: ApiRequest, connection: Connection, action: Action, row: ChannelRow) -> None:
    await record(connection, channel_entry(action, actor_of(request), row.channel_id, row.user_id, row.kind))


async def _limit_codes(request: ApiRequest) -> Response[bytes] | None:
    owner = _owner(request)
    return await limit(request, CHANNEL_CODES, "operator" if owner is None else str(owner))


async def _send_code(request: ApiRequest, channel_id: int) -> None:
    database: Database = request.app.state.database
    async with database.connection() as connection:
        await channels.ask_code(connection, channel_id)


def _sealed(vault: Vault, owner: UserId | None, wish: ChannelWish, secret: str | None) -> NewChannel:
    def seal(text: str | None, what: str) -> bytes | None:
        return None if text is None else vault.seal(text.encode(), aad=channel_aad(owner, wish.kind, what))

    return NewChannel(
        wish.kind,
        wish.name,
        wish.language,
        wish.minimum,
        wish.notices,
        seal(wish.target, "target"),
        seal(secret, "secret"),
        # Who knows a webhook's address was given it; a chat and a mailbox must be shown to be one's own.
        confirmed=wish.kind not in (ChannelKind.TELEGRAM, ChannelKind.EMAIL),
    )


def _shown(row: ChannelRow) -> dict[str, Any]:
    names = ("channel_id", "kind", "name", "language", "minimum", "notices", "confirmed_at", "failed", "created_at")
    return {name: getattr(row, name) for name in names}


def _shown_once(secret: str | None, code: str | None) -> dict[str, str]:
    if code is not None:
        return {"code": code, "send": f"/start {code}"}
    return {} if secret is None else {"secret": secret}


def _owner(request: ApiRequest) -> UserId | None:
    """Return the user who asks, or none for an operator: the route's scope has let in one or the other."""
    return caller_of(request).user_id


def _allowed(owner: UserId | None) -> frozenset[Notice]:
    return OPERATOR_NOTICES if owner is None else USER_NOTICES


def _language(request: ApiRequest) -> Spoken:
    """Return what the caller speaks; Portuguese where they do not say."""
    said = request.headers.get("accept-language", "")
    return Spoken.EN if said and spoken_by(request) is Language.EN else Spoken.PT_BR


def _channel_id(request: ApiRequest) -> int:
    """Return the channel that the address names; 0, which none has, for a number that is none."""
    channel_id: int = request.path_params["channel_id"]
    return channel_id if 0 < channel_id <= MAX_ID else 0


@asynccontextmanager
async def _writing(request: ApiRequest) -> AsyncIterator[Connection]:
    """Lend a transaction: a user's behind the wall, the operator's before it."""
    owner = _owner(request)
    if owner is not None:
        door: UserDoor = request.app.state.door
        async with door.writing(owner) as connection:
            yield connection
        return
    database: Database = request.app.state.database
    async with database.connection() as connection, connection.transaction():
        yield connection
