"""GET /operator/controls/ID: one command, when it took effect at every engine, how far a close has come, and what it could not do."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.paging import MAX_ID
from marketbot.domain.reason_texts import became_text
from marketbot.domain.scope import Scope as Right
from marketbot.store.control_commands import effect_of, progress_of, read_command
from marketbot.store.control_history import close_reasons, close_signals, list_set_switches, read_given
from marketbot.store.pool import Connection
from marketbot.web.bars import bars_of
from marketbot.web.errors import error_page
from marketbot.web.page import part, seen_by, show
from marketbot.web.viewer import Viewer


@get("/operator/controls/{command_id:int}", opt=demands(Right.OPERATOR_READ))
async def given_command(request: ApiRequest) -> Response[bytes]:
    """The whole page, or with ``part=progress`` how far it has come."""
    database: Database = request.app.state.database
    command_id: int = request.path_params["command_id"]
    wanted = request.query_params.get("part", "")
    if wanted not in ("", "progress") or not 0 < command_id <= MAX_ID:
        return error_page(request, 404)
    async with database.connection() as connection:
        facts = await _facts(connection, command_id, seen_by(request))
    if facts is None:
        return error_page(request, 404)
    if wanted:
        return part(request, "controls/progress.html", **facts)
    return await show(request, "given.html", **facts)


async def _facts(connection: Connection, command_id: int, viewer: Viewer) -> dict[str, Any] | None:
    command = await read_command(connection, command_id)
    given = None if command is None else await read_given(connection, command_id)
    if command is None or given is None:
        return None
    facts: dict[str, Any] = {"given": given, "effect": None, "progress": None, "reasons": [], "signals": [], "bars": []}
    if command.kind != "close":
        effect = await effect_of(connection, command)
        switches = await list_set_switches(connection)
        late = effect.last_entry_sent_at
        return facts | {
            "effect": effect,
            # Who begins later reads the switches as they stand: without an engine at work there is nobody to wait for.
            "finished": effect.effective_at is not None or not effect.engines,
            "late_ms": None if late is None else round((late - command.asked_at).total_seconds() * 1000),
            "still": any((each.scope, each.key) == (command.scope, command.key) for each in switches),
        }
    progress = await progress_of(connection, command)
    under_way = progress.exits - progress.closed - progress.gone
    pieces = [("ordered", progress.closed), ("lapsed", progress.gone), ("denied", progress.denied), ("pending", under_way)]
    told = [
        (each, became_text(each.became, each.reason, viewer.language) or each.reason)
        for each in await close_reasons(connection, command_id)
    ]
    return facts | {
        "progress": progress,
        "finished": progress.done,
        "under_way": under_way,
        "bars": bars_of(pieces),
        "reasons": told,
        "signals": await close_signals(connection, command_id),
    }
