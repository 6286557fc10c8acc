"""GET /home: a user's first page. What they have, what is at stake, what was done and why; and the switch that stops it all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, demands, user_of
from marketbot.api.identity import actor_of
from marketbot.api.user_door import UserDoor
from marketbot.domain.audit_entry import Action, AuditEntry
from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.key_reason import stored_text
from marketbot.domain.money import ZERO
from marketbot.domain.reason_texts import became_text
from marketbot.domain.scope import Scope
from marketbot.observability.logs import logger
from marketbot.store.audit_trail import record
from marketbot.store.control_commands import progress_of, read_own_command
from marketbot.store.pool import Connection
from marketbot.store.result_days import read_equity
from marketbot.store.user_accounts import change_settings, list_own_accounts, read_me
from marketbot.store.user_home import pause_all, read_standings
from marketbot.store.user_trades import IntentKey, PositionKey, list_positions, list_signals
from marketbot.web.admission import form_of
from marketbot.web.errors import error_page
from marketbot.web.page import go_to, part, seen_by, show
from marketbot.web.pages.position import path_of
from marketbot.web.positions import span_of
from marketbot.web.sparkline import POINTS_MAX, line_of
from marketbot.web.viewer import Viewer

POSITIONS_SHOWN = 50
SIGNALS_SHOWN = 8
ACCOUNTS_SHOWN = 20
MAX_ID_DIGITS = 19
TAKES_EFFECT_WITHIN = timedelta(minutes=1)
"""How long a page goes on asking whether a halt has taken effect; engines read it within a second."""
PARTS = ("closing", "standing", "positions", "signals", "accounts")

log = logger(__name__)


@get("/home", opt=demands(Scope.ORDERS_READ))
async def home(request: ApiRequest) -> Response[bytes]:
    """The whole page, or with ``part`` one of its parts."""
    door: UserDoor = request.app.state.door
    viewer, user_id = seen_by(request), user_of(request)
    wanted = request.query_params.get("part", "")
    if wanted and wanted not in PARTS:
        return error_page(request, 404)

    async def read(connection: Connection) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for name in (wanted,) if wanted else PARTS:
            if name == "closing":
                facts |= await _closing(connection, user_id, read_number(request.query_params.get("close", "")))
            else:
                facts |= await _READERS[name](connection, user_id, viewer)
        return facts

    facts, simulated = await door.read(user_id, read)
    if wanted:
        return part(request, f"home/{wanted}.html", **facts)
    return await show(request, "home.html", simulated=simulated, **facts)


@post("/home/pause", opt=demands(Scope.SETTINGS_WRITE))
async def pause(request: ApiRequest) -> Response[bytes]:
    """Pause one account, or all where none is named; or let them trade again."""
    door: UserDoor = request.app.state.door
    user_id, form = user_of(request), form_of(request)
    paused, account = form.get("paused") == "true", form.get("account", "")
    if account and not read_number(account):
        return error_page(request, 404)
    async with door.writing(user_id) as connection:
        if account:
            changed = await change_settings(connection, user_id, AccountId(int(account)), {"paused": paused})
        else:
            changed = bool(await pause_all(connection, user_id, paused=paused))
        if changed:
            action = Action.PAUSED if paused else Action.UNPAUSED
            kind, number = ("account", str(int(account))) if account else ("user", str(user_id))
            await record(connection, AuditEntry(action, actor_of(request), kind, number, {}))
    if changed:
        log.info(
            "accounts_paused" if paused else "accounts_resumed", user_id=user_id, account_id=int(account) if account else None
        )
    return go_to(request, "/home", ("paused" if paused else "resumed") if changed else "unchanged")


def day_began(viewer: Viewer) -> datetime:
    """Return when the viewer's own day began."""
    return viewer.formats.now.astimezone(viewer.formats.zone).replace(hour=0, minute=0, second=0, microsecond=0)


def read_number(text: str) -> int:
    """Return a row's number as an address or a form has it; 0, which none has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < MAX_ID_DIGITS else 0


async def _closing(connection: Connection, user_id: UserId, command_id: int) -> dict[str, Any]:
    """Tell how far a close has come that the user asked for; nothing where they asked for none of this number."""
    command = await read_own_command(connection, user_id, command_id) if command_id else None
    if command is None or command.kind != "close":
        return {"close": None, "progress": None}
    return {"close": command, "progress": await progress_of(connection, command)}


async def _standing(connection: Connection, user_id: UserId, viewer: Viewer) -> dict[str, Any]:
    equity = await read_equity(connection, user_id, POINTS_MAX)
    me = await read_me(connection, user_id)
    lately = viewer.formats.now - TAKES_EFFECT_WITHIN
    return {
        "lines": {each.environment: line_of([each.before, *(day.total for day in each.days)], ZERO) for each in equity},
        "line_days": {each.environment: len(each.days) for each in equity},
        "me": me,
        "taking_effect": me is not None and any(each.took_ms is None and each.changed_at > lately for each in me.stopped),
        "standings": await read_standings(connection, user_id, day_began(viewer)),
    }


async def _positions(connection: Connection, user_id: UserId, viewer: Viewer) -> dict[str, Any]:
    rows = await list_positions(connection, user_id, PositionKey(), POSITIONS_SHOWN + 1, closed=False)
    return {
        "positions": [(row, span_of(row), path_of(row)) for row in rows[:POSITIONS_SHOWN]],
        "more_positions": len(rows) > POSITIONS_SHOWN,
    }


async def _signals(connection: Connection, user_id: UserId, viewer: Viewer) -> dict[str, Any]:
    rows = await list_signals(connection, user_id, IntentKey(), SIGNALS_SHOWN)
    return {"signals": [(row, became_text(row.became, row.reason, viewer.language)) for row in rows]}


async def _accounts(connection: Connection, user_id: UserId, viewer: Viewer) -> dict[str, Any]:
    rows = await list_own_accounts(connection, user_id, AccountId(0), ACCOUNTS_SHOWN + 1)
    told = [
        (row, stored_text(row.status_code, row.status_facts, row.status_reason, viewer.language)) for row in rows[:ACCOUNTS_SHOWN]
    ]
    return {"accounts": told, "more_accounts": len(rows) > ACCOUNTS_SHOWN}


_READERS: Mapping[str, Any] = {"standing": _standing, "positions": _positions, "signals": _signals, "accounts": _accounts}
