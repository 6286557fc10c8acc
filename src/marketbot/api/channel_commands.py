"""What is done about channels over HTTP, the same for a user and for the operator: an owner has channels, and sees no other's."""

from __future__ import annotations

from typing import Any

from litestar import Response

from marketbot.api import channel_changes
from marketbot.api.admission import ApiRequest, spoken_by
from marketbot.api.answers import json_answer
from marketbot.api.bodies import read_object
from marketbot.api.channel_changes import MAX_CODE_CHARS, ShownOnce, allowed_to, owner_of
from marketbot.api.channel_wishes import ChannelInvalid, read_channel_change, read_channel_wish
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason, api_problem
from marketbot.domain.notice import ChannelKind, Spoken
from marketbot.domain.reasons import Language
from marketbot.store.channels import ChannelRow


async def show_channels(request: ApiRequest) -> Response[bytes]:
    rows, simulated = await channel_changes.list_own(request)
    offered = sorted(request.app.state.channel_kinds)
    return json_answer({"simulated": simulated, "channels": [_shown(row) for row in rows], "offered": offered})


async def add_channel(request: ApiRequest) -> Response[bytes]:
    """Add a channel. A webhook's secret, and the code that links a chat, are in this answer and nowhere else."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        wish = read_channel_wish(
            document, allowed_to(owner_of(request)), _language(request), loopback=request.app.state.notices_to_loopback
        )
    except ChannelInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    done = await channel_changes.add(request, wish)
    return _told_once(done, 201) if isinstance(done, ShownOnce) else _refused(request, done)


async def alter_channel(request: ApiRequest) -> Response[bytes]:
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    try:
        wanted = read_channel_change(document, allowed_to(owner_of(request)))
    except ChannelInvalid as invalid:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), str(invalid))
    done = await channel_changes.change(request, _channel_id(request), wanted)
    return json_answer({"channel": _shown(done)}) if isinstance(done, ChannelRow) else _refused(request, done)


async def drop_channel(request: ApiRequest) -> Response[bytes]:
    """Remove a channel; what waits for it goes too."""
    channel_id = _channel_id(request)
    if not await channel_changes.remove(request, channel_id):
        return _refused(request, ApiReason.NOT_FOUND)
    return json_answer({"channel_id": channel_id})


async def try_channel(request: ApiRequest) -> Response[bytes]:
    """Have a message sent that says nothing."""
    done = await channel_changes.send_test(request, _channel_id(request))
    return json_answer({"channel_id": done.channel_id}, 202) if isinstance(done, ChannelRow) else _refused(request, done)


async def renew_code(request: ApiRequest) -> Response[bytes]:
    """Give an unconfirmed channel a new code: a chat's is answered, a mailbox's is sent."""
    done = await channel_changes.renew_code(request, _channel_id(request))
    if not isinstance(done, ShownOnce):
        return _refused(request, done)
    return _told_once(done, 202 if done.row.kind is ChannelKind.EMAIL else 200)


async def show_code(request: ApiRequest) -> Response[bytes]:
    """Take the code that was sent to a mailbox."""
    document = await read_object(request)
    if isinstance(document, Response):
        return document
    code = document.get("code")
    if not isinstance(code, str) or not 0 < len(code) <= MAX_CODE_CHARS or len(document) != 1:
        return api_problem(ApiReason.FIELD_INVALID, spoken_by(request), "the body is an object with code alone")
    done = await channel_changes.confirm(request, _channel_id(request), code)
    return json_answer({"channel": _shown(done)}) if isinstance(done, ChannelRow) else _refused(request, done)


def _refused(request: ApiRequest, why: ApiReason | Response[bytes]) -> Response[bytes]:
    return why if isinstance(why, Response) else api_problem(why, spoken_by(request))


def _told_once(done: ShownOnce, status: int) -> Response[bytes]:
    once: dict[str, str] = {}
    if done.code is not None:
        once = {"code": done.code, "send": f"/start {done.code}"}
    elif done.secret is not None:
        once = {"secret": done.secret}
    return json_answer({"channel": _shown(done.row), **once}, status)


def _shown(row: ChannelRow) -> dict[str, Any]:
    names = ("channel_id", "kind", "name", "language", "minimum", "notices", "confirmed_at", "failed", "created_at")
    return {name: getattr(row, name) for name in names}


def _language(request: ApiRequest) -> Spoken:
    """Return what the caller speaks; Portuguese where they do not say."""
    said = request.headers.get("accept-language", "")
    return Spoken.EN if said and spoken_by(request) is Language.EN else Spoken.PT_BR


def _channel_id(request: ApiRequest) -> int:
    """Return the channel that the address names; 0, which none has, for a number that is none."""
    channel_id: int = request.path_params["channel_id"]
    return channel_id if 0 < channel_id <= MAX_ID else 0
