"""GET and POST /operator/sources: where signals come from, a new source, and what was refused of late."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from litestar import Response, get, post

from marketbot.api.admission import ApiRequest, caller_of, demands
from marketbot.api.database import Database
from marketbot.api.paging import IdKey
from marketbot.api.source_commands import ArmedSource, make_source
from marketbot.api.source_wishes import HOURLY_DEFAULT, SourceInvalid, read_source_wish
from marketbot.domain.ids import SourceId
from marketbot.domain.scope import Scope
from marketbot.store.source_secrets import WEBHOOK
from marketbot.store.sources import ShownSource, list_shown
from marketbot.web.admission import form_of
from marketbot.web.alert_messages import messages_for, only_here, webhook_url
from marketbot.web.formats import Formats
from marketbot.web.forms import Form
from marketbot.web.page import seen_by, show
from marketbot.web.refusals import told_refusals
from marketbot.web.table import Column, csv_answer, read_table, wants_csv

NAME = "sources"
FAULTS = {
    "name": "fault.source_name",
    "kind": "fault.invalid",
    "signals_per_hour": "fault.signals_per_hour",
    "allowed_addresses": "fault.allowed_addresses",
    "chart_interval": "fault.chart_interval",
}
_SPANS = ((86_400, "D"), (3_600, "h"), (60, "m"), (1, "S"))


def interval_text(seconds: int | None) -> str:
    """Write a chart's interval so that it is read back as the same."""
    if seconds is None:
        return ""
    return next(f"{seconds // span}{unit}" for span, unit in _SPANS if seconds % span == 0)


COLUMNS: Sequence[Column[ShownSource]] = (
    Column("source", lambda row: row.name, "source", lead=True),
    Column("kind", lambda row: row.kind, "source_kind"),
    Column("enabled", lambda row: row.enabled, "enabled"),
    Column("followers", lambda row: row.followers, "number", end=True),
    Column("signals_sent", lambda row: row.signals, "number", end=True),
    Column("last_signal_at", lambda row: row.last_signal_at, "ago"),
    Column("signals_per_hour", lambda row: row.signals_per_hour, "number", end=True),
    Column("allowed_addresses", lambda row: ", ".join(row.allowed_addresses), "addresses"),
    Column("chart_interval", lambda row: interval_text(row.chart_interval_s)),
    Column("source_id", lambda row: row.source_id, "number", end=True, shown=False),
)


@get("/operator/sources", opt=demands(Scope.OPERATOR_READ))
async def sources(request: ApiRequest) -> Response[bytes]:
    if wants_csv(request):
        return await csv_answer(request, NAME, COLUMNS, IdKey(), _reader(request), _key_of)
    return await _show(request, Form({"kind": WEBHOOK, "signals_per_hour": str(HOURLY_DEFAULT)}))


@post("/operator/sources", opt=demands(Scope.SOURCES_WRITE))
async def add_source(request: ApiRequest) -> Response[bytes]:
    """Make a source and show its secret, this once."""
    typed = form_of(request)
    try:
        made = await make_source(request, read_source_wish(_document(typed, seen_by(request).formats)))
    except SourceInvalid as invalid:
        return await _show(request, Form(typed, {invalid.field: FAULTS.get(invalid.field, "fault.invalid")}))
    if made is None:
        return await _show(request, Form(typed, {"name": "fault.source_taken"}))
    return await show_secret(request, made, "made")


async def show_secret(request: ApiRequest, armed: ArmedSource, why: str) -> Response[bytes]:
    """Show a secret with where it goes. ``why`` names the text above it: it was ``made``, or ``rotated``."""
    base: str = request.app.state.people_url
    source = armed.source
    url = webhook_url(base, source.name, source.kind, armed.secret)
    return await show(
        request,
        "source_secret.html",
        source=source,
        secret=armed.secret,
        url=url,
        messages=messages_for(source.kind, url),
        unreachable=only_here(base),
        why=why,
    )


def whole_number(text: str, formats: Formats) -> int | str:
    """Return what was typed as a whole number, or as it stands, for the rule to refuse."""
    number = formats.read_number(text)
    return int(number) if number is not None and number == number.to_integral_value() else text


async def _show(request: ApiRequest, form: Form) -> Response[bytes]:
    database: Database = request.app.state.database
    table = await read_table(request, NAME, COLUMNS, IdKey(), _reader(request), _key_of)
    async with database.connection() as connection:
        refusals = await told_refusals(connection, None, seen_by(request).language)
    scopes = caller_of(request).scopes
    return await show(
        request,
        "sources.html",
        status=422 if form.errors else 200,
        table=table,
        refusals=refusals,
        form=form,
        may_change=Scope.SOURCES_WRITE in scopes,
        may_send=Scope.SIGNALS_WRITE in scopes,
    )


def _reader(request: ApiRequest) -> Callable[[IdKey, int], Awaitable[Sequence[ShownSource]]]:
    database: Database = request.app.state.database

    async def read(behind: IdKey, limit: int) -> Sequence[ShownSource]:
        async with database.connection() as connection:
            return await list_shown(connection, SourceId(behind.above), limit)

    return read


def _key_of(row: ShownSource) -> IdKey:
    return IdKey(row.source_id)


def _document(typed: Mapping[str, str], formats: Formats) -> dict[str, Any]:
    return {
        "name": typed.get("name", "").strip(),
        "kind": typed.get("kind", ""),
        "signals_per_hour": whole_number(typed.get("signals_per_hour", ""), formats),
    }
