"""/profile/channels of a user and /operator/channels of the operator: by what means an owner is told, and of what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from litestar import Response, get, post

from marketbot.api import channel_changes
from marketbot.api.admission import ApiRequest, caller_of, demands
from marketbot.api.channel_changes import MAX_CODE_CHARS, ShownOnce, allowed_to, owner_of
from marketbot.api.channel_wishes import LEADS, ChannelInvalid, least_grave, read_channel_change, read_channel_wish
from marketbot.api.paging import MAX_ID
from marketbot.api.problems import ApiReason
from marketbot.domain.notice import SEVERITIES, ChannelKind, Notice, Severity, Spoken
from marketbot.domain.reasons import Language
from marketbot.domain.scope import Scope
from marketbot.store.channels import CHANNELS_MAX, ChannelRow
from marketbot.web.admission import form_of
from marketbot.web.errors import as_page, error_page
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show

OF_USER, OF_OPERATOR = "/profile/channels", "/operator/channels"
NOTICE = "notice:"
"""How the boxes of notices are named: one field each, for a form has every name once."""
FAULTS = {"url": "fault.channel_url", "address": "fault.channel_address", None: "fault.channel_kind"}
SAID = {
    "test": "channel_tested",
    "remove": "channel_removed",
    "change": "channel_changed",
    "confirm": "channel_confirmed",
    "code": "code_sent",
}


@get(OF_USER, opt=demands(Scope.ACCOUNTS_READ))
async def channels(request: ApiRequest) -> Response[bytes]:
    return await _show(request, OF_USER, Form())


@post(OF_USER, opt=demands(Scope.SETTINGS_WRITE))
async def add_channel(request: ApiRequest) -> Response[bytes]:
    return await _add(request, OF_USER)


@post(OF_USER + "/{channel_id:int}", opt=demands(Scope.SETTINGS_WRITE))
async def change_channel(request: ApiRequest) -> Response[bytes]:
    """Do what the form's button says: ``change``, ``test``, ``code``, ``confirm`` or ``remove``."""
    return await _change(request, OF_USER)


@get(OF_OPERATOR, opt=demands(Scope.OPERATOR_READ))
async def operator_channels(request: ApiRequest) -> Response[bytes]:
    return await _show(request, OF_OPERATOR, Form())


@post(OF_OPERATOR, opt=demands(Scope.OPERATOR_WRITE))
async def add_operator_channel(request: ApiRequest) -> Response[bytes]:
    return await _add(request, OF_OPERATOR)


@post(OF_OPERATOR + "/{channel_id:int}", opt=demands(Scope.OPERATOR_WRITE))
async def change_operator_channel(request: ApiRequest) -> Response[bytes]:
    """The same as a user's."""
    return await _change(request, OF_OPERATOR)


async def _add(request: ApiRequest, path: str) -> Response[bytes]:
    typed = form_of(request)
    kind = typed.get("kind", "")
    lead = LEADS.get(ChannelKind(kind)) if kind in [*ChannelKind] else None
    document = _choices(typed) | {"kind": kind} | ({lead: typed.get(lead, "").strip()} if lead else {})
    spoken = Spoken.PT_BR if seen_by(request).language is Language.PT else Spoken.EN
    try:
        loopback = request.app.state.notices_to_loopback
        wish = read_channel_wish(document, allowed_to(owner_of(request)), spoken, loopback=loopback)
    except ChannelInvalid:
        # Of a form of ours only what is typed can be wrong, and that is where the channel leads.
        return await _show(request, path, Form(typed, {lead or "": FAULTS[lead]}))
    done = await channel_changes.add(request, wish)
    if isinstance(done, ShownOnce):
        return await _told(request, path, done, "channel_added")
    return await _refused(request, path, done)


async def _change(request: ApiRequest, path: str) -> Response[bytes]:
    number: int = request.path_params["channel_id"]
    channel_id = number if 0 < number <= MAX_ID else 0
    typed = form_of(request)
    act = typed.get("act", "")
    done: ChannelRow | ShownOnce | ApiReason | Response[bytes]
    match act:
        case "change":
            try:
                wanted = read_channel_change({"notices": None} | _choices(typed), allowed_to(owner_of(request)))
            except ChannelInvalid:
                return error_page(request, 400)
            if wanted.notices:
                wanted = replace(wanted, minimum=least_grave(wanted.notices))
            done = await channel_changes.change(request, channel_id, wanted)
        case "test":
            done = await channel_changes.send_test(request, channel_id)
        case "code":
            done = await channel_changes.renew_code(request, channel_id)
        case "confirm":
            done = await channel_changes.confirm(request, channel_id, typed.get("code", "")[:MAX_CODE_CHARS])
        case "remove":
            removed = await channel_changes.remove(request, channel_id)
            return go_to(request, path, SAID[act]) if removed else error_page(request, 404)
        case _:
            return error_page(request, 400)
    if isinstance(done, ShownOnce):
        return await _told(request, path, done, SAID[act])
    return go_to(request, path, SAID[act]) if isinstance(done, ChannelRow) else await _refused(request, path, done, channel_id)


async def _told(request: ApiRequest, path: str, done: ShownOnce, said: str) -> Response[bytes]:
    """Show what is shown once; without any such thing go back to the list."""
    if done.code is None and done.secret is None:
        return go_to(request, path, said)
    kind = done.row.kind.value
    text = f"/start {done.code}" if done.code is not None else done.secret
    return await show(request, "shown_once.html", secret=text, back=path, kind=kind)


async def _refused(request: ApiRequest, path: str, why: ApiReason | Response[bytes], channel_id: int = 0) -> Response[bytes]:
    if isinstance(why, Response):
        return as_page(request, why)
    if why is ApiReason.NOT_FOUND:
        return error_page(request, 404)
    field = f"code-{channel_id}" if why is ApiReason.CODE_WRONG else ""
    return await _show(request, path, Form({}, {field: f"refused.{why.value}"}))


async def _show(request: ApiRequest, path: str, form: Form) -> Response[bytes]:
    rows, simulated = await channel_changes.list_own(request)
    offered = [kind for kind in ChannelKind if kind in request.app.state.channel_kinds]
    wanted = form["kind"] or request.query_params.get("add", "")
    adding = next((kind for kind in offered if kind.value == wanted), None)
    may_write = (Scope.SETTINGS_WRITE if path == OF_USER else Scope.OPERATOR_WRITE) in caller_of(request).scopes
    return await show(
        request,
        "channels.html",
        status=422 if form.errors else 200,
        simulated=simulated,
        base=path,
        channels=rows,
        offered=offered if may_write and len(rows) < CHANNELS_MAX else (),
        adding=adding,
        lead=None if adding is None else LEADS.get(adding),
        may_write=may_write,
        limit=CHANNELS_MAX,
        notices=_by_gravity(allowed_to(owner_of(request))),
        severities=[each.value for each in Severity],
        languages=[each.value for each in Spoken],
        spoken=seen_by(request).texts.tag,
        notice=NOTICE,
        form=form,
    )


def _by_gravity(allowed: frozenset[Notice]) -> list[tuple[str, str]]:
    """Return notices with their severity, the gravest first."""
    graveness = list(Severity)
    ordered = sorted(allowed, key=lambda each: (-graveness.index(SEVERITIES[each]), each.value))
    return [(each.value, SEVERITIES[each].value) for each in ordered]


def _choices(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return what is to be told, as the API's document: no box ticked means all from the severity on; ticked ones need none."""
    notices = [name.removeprefix(NOTICE) for name, value in typed.items() if name.startswith(NOTICE) and value == "true"]
    names = ("language",) if notices else ("language", "minimum")
    document: dict[str, Any] = {name: typed[name] for name in names if typed.get(name)}
    return document | ({"notices": notices} if notices else {})
