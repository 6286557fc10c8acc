"""GET /operator: what an operator sees at a glance. Signals fan out live; accounts, venues, queues, processes, and the database beside
the review's thresholds, now and over the last hour or day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from litestar import Response, get

from marketbot.api.admission import ApiRequest, caller_of, demands
from marketbot.api.database import Database
from marketbot.api.operator_series import THRESHOLDS, read_series_span
from marketbot.api.paging import ParameterInvalid
from marketbot.domain.lane import Lane
from marketbot.domain.reason_texts import became_text
from marketbot.domain.scope import Scope
from marketbot.ports import Clock
from marketbot.store.first_steps import read_set_up
from marketbot.store.market_standings import read_standings
from marketbot.store.overview import (
    Load,
    read_load,
    read_markets,
    read_progress,
    read_quarantined,
    read_workers,
)
from marketbot.store.pool import Connection
from marketbot.store.readiness_reports import list_reports
from marketbot.store.samples import Span, read_steps
from marketbot.store.switches import list_switches
from marketbot.web.bars import OUTCOMES, bars_of
from marketbot.web.errors import error_page
from marketbot.web.measured import floored
from marketbot.web.operations import PLOTS, figures_of
from marketbot.web.page import part, seen_by, show
from marketbot.web.pages.first_steps import open_steps
from marketbot.web.viewer import Viewer
from marketbot.workers.memory import MIB, resident_bytes

PARTS = ("state", "progress", "markets", "load", "venues", "figures")
ALARM_PCT = Decimal(90)
TARGET_PCT = Decimal(80)
"""The review's thresholds for connections and memory: below 80 % is the target, above 90 % the alarm."""
SILENT_ALARM_S = 6.0
"""A process that gave no sign for so long is taken for dead (workers/presence.py)."""
STALE_S = 10.0
"""Engines tell every two seconds how their addresses stand."""
QUARANTINED_SHOWN = 5
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of something is used, and whether that is well: ``good``, ``warn`` or ``bad``."""

    used: int
    limit: int

    @property
    def pct(self) -> Decimal:
        return (HUNDRED * self.used / self.limit).quantize(Decimal("0.1")) if self.limit else Decimal(0)

    @property
    def verdict(self) -> str:
        return "bad" if self.pct >= ALARM_PCT else "warn" if self.pct >= TARGET_PCT else "good"


def memory_gauge(bound_mb: int) -> Gauge | None:
    """Return what this API process holds, in MiB; None where the system does not tell, or nothing bounds it."""
    held = resident_bytes()
    return Gauge(held // MIB, bound_mb) if held is not None and bound_mb else None


@get("/operator", opt=demands(Scope.OPERATOR_READ))
async def overview(request: ApiRequest) -> Response[bytes]:
    """The whole page, or with ``part`` one of its parts."""
    database: Database = request.app.state.database
    viewer = seen_by(request)
    wanted = request.query_params.get("part", "")
    try:
        span = read_series_span(request)
    except ParameterInvalid:
        return error_page(request, 404)
    if wanted and wanted not in PARTS:
        return error_page(request, 404)

    guided = not wanted and Scope.SOURCES_WRITE in caller_of(request).scopes

    async def read(connection: Connection) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if not wanted:
            facts["steps"] = open_steps(await read_set_up(connection), mails=request.app.state.mails) if guided else []
            report = next(iter(await list_reports(connection)), None)
            facts |= {"report": report, "score": floored(report.readiness, viewer.formats) if report else ""}
        for name in (wanted,) if wanted else PARTS:
            facts |= await (_figures(connection, request, span) if name == "figures" else _READERS[name](connection, viewer))
        return facts

    facts = await database.reads.read(read)
    if "load" in facts:
        facts["memory"] = memory_gauge(request.app.state.memory_bound_mb)
    if wanted:
        return part(request, f"overview/{wanted}.html", **facts)
    return await show(request, "overview.html", **facts)


async def _state(connection: Connection, viewer: Viewer) -> dict[str, Any]:
    return {"switches": await list_switches(connection)}


async def _progress(connection: Connection, viewer: Viewer) -> dict[str, Any]:
    signals, reasons = await read_progress(connection)
    told = [(each, became_text(each.became, each.reason, viewer.language) or each.reason) for each in reasons]
    return {"signals": [(each, bars_of([(name, getattr(each, name)) for name in OUTCOMES])) for each in signals], "reasons": told}


async def _markets(connection: Connection, viewer: Viewer) -> dict[str, Any]:
    return {"markets": await read_markets(connection)}


async def _load(connection: Connection, viewer: Viewer) -> dict[str, Any]:
    load: Load = await read_load(connection)
    return {
        "load": load,
        "lanes": [(lane.name.lower(), *load.lanes[lane.value]) for lane in Lane],
        "connections": Gauge(load.connections, load.connections_usable),
        "workers": await read_workers(connection),
        "silent_alarm_s": SILENT_ALARM_S,
    }


async def _venues(connection: Connection, viewer: Viewer) -> dict[str, Any]:
    found = await read_quarantined(connection, QUARANTINED_SHOWN + 1)
    standings = await read_standings(connection)
    return {
        "standings": [(each, Gauge(round(each.used * 1000), 1000)) for each in standings],
        "stale_s": STALE_S,
        "quarantined": found[:QUARANTINED_SHOWN],
        "more_quarantined": len(found) > QUARANTINED_SHOWN,
    }


async def _figures(connection: Connection, request: ApiRequest, span: Span) -> dict[str, Any]:
    clock: Clock = request.app.state.clock
    steps = await read_steps(connection, span, clock.now())
    return {"figures": figures_of(steps), "span": span, "spans": tuple(Span), "plots": PLOTS, "thresholds": THRESHOLDS}


_READERS: Mapping[str, Any] = {"state": _state, "progress": _progress, "markets": _markets, "load": _load, "venues": _venues}
