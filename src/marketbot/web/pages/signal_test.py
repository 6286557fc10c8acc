"""GET and POST /operator/sources/test: a signal in a source's name. It trades, so it is shown with whom it reaches, and confirmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.source_commands import send_test_signal
from marketbot.domain.reason_texts import refusal_text
from marketbot.domain.scope import Scope
from marketbot.domain.signal import Action, Signal
from marketbot.intake.refused import NotReady, Refused
from marketbot.intake.service import Delivery, Intake
from marketbot.store.source_reach import Reach, enabled_sources, read_reach
from marketbot.web.admission import form_of
from marketbot.web.forms import Form
from marketbot.web.page import go_to, seen_by, show

ACTIONS = tuple(each.value for each in Action)
MAX_TEST_CHARS = 4_096
"""Of a body that is typed here; whatever is longer is sent through the API."""
SENT = "/operator/signals"
"""Where a signal's way through the accounts is watched, by its number."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a body would be read as; ``refused`` says in words why it is no signal, and ``detail`` which sentence of ours it was."""

    signal: Signal | None = None
    refused: str = ""
    detail: str = ""


@get("/operator/sources/test", opt=demands(Scope.SIGNALS_WRITE))
async def signal_test(request: ApiRequest) -> Response[bytes]:
    source = request.query_params.get("source", "")
    return await _show(request, Form({"source": source, "action": Action.OPEN_LONG.value}))


@post("/operator/sources/test", opt=demands(Scope.SIGNALS_WRITE))
async def take_signal_test(request: ApiRequest) -> Response[bytes]:
    """Show what the body is read as and whom it reaches; with ``confirmed`` send it.

    The body is fixed when it is shown: sent twice, it is one signal, as every repeat.
    """
    typed = form_of(request)
    source = typed.get("source", "")
    if source not in await _sources(request):
        return await _show(request, Form(typed, {"source": "fault.invalid"}))
    body, errors = read_body(typed, seen_by(request).formats.now)
    if errors:
        return await _show(request, Form(typed, errors))
    judged = await _judge(request, source, body)
    if judged.signal is None:
        return await _show(request, Form(typed), judged)
    if typed.get("confirmed") != "true":
        database: Database = request.app.state.database
        async with database.connection() as connection:
            reach: list[Reach] = await read_reach(connection, source)
        accounts = sum(each.accounts for each in reach)
        return await show(
            request, "test_signal_confirm.html", source=source, body=body, signal=judged.signal, reach=reach, accounts=accounts
        )
    found = await send_test_signal(request, source, body)
    if isinstance(found, Refused):
        return await _show(request, Form(typed), _told(request, found))
    return go_to(request, f"{SENT}/{found.signal_id}", "test_repeated" if found.repeated else "test_sent")


def read_body(typed: Mapping[str, str], now: datetime) -> tuple[str, dict[str, str]]:
    """Return the body that a form asks to send: what was typed as one, else made of action and symbol; and what is wrong."""
    body = typed.get("body", "").strip()
    if body:
        return body, {"body": "fault.test_body"} if len(body) > MAX_TEST_CHARS else {}
    action, symbol = typed.get("action", ""), typed.get("symbol", "").strip().upper()
    errors = {} if action in ACTIONS else {"action": "fault.invalid"}
    errors |= {} if symbol else {"symbol": "fault.test_symbol"}
    return make_body(action, symbol, now), errors


def make_body(action: str, symbol: str, now: datetime) -> str:
    """Return the generic message. Its id makes two tests two signals; it tells no time, for whoever confirms it may take a while."""
    return orjson.dumps({"symbol": symbol, "action": action.upper(), "id": f"test-{now:%Y%m%dT%H%M%S.%f}"}).decode()


async def _judge(request: ApiRequest, source: str, body: str) -> Judged:
    intake: Intake = request.app.state.intake
    try:
        found = await intake.read_test(Delivery(source=source, body=body.encode(errors="replace"), address=""))
    except NotReady:
        return Judged(refused=seen_by(request).texts("test_signal.not_ready"))
    return _told(request, found) if isinstance(found, Refused) else Judged(signal=found)


def _told(request: ApiRequest, refused: Refused) -> Judged:
    return Judged(refused=refusal_text(refused.reason, seen_by(request).language), detail=refused.detail)


async def _sources(request: ApiRequest) -> Sequence[str]:
    database: Database = request.app.state.database
    async with database.connection() as connection:
        return await enabled_sources(connection)


async def _show(request: ApiRequest, form: Form, judged: Judged | None = None) -> Response[bytes]:
    facts: dict[str, Any] = {"sources": await _sources(request), "actions": ACTIONS, "most": MAX_TEST_CHARS}
    status = 422 if form.errors or judged is not None else 200
    return await show(request, "test_signal.html", status=status, form=form, judged=judged, **facts)
