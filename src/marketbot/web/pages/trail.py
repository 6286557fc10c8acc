"""GET /operator/audit: who did what to whom from where; the proof that nothing of it was changed; the control report of a period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from litestar import Response, get

from marketbot.api.admission import ApiRequest, demands
from marketbot.api.database import Database
from marketbot.api.operator_audit import prove_part, read_filter, read_number
from marketbot.api.operator_report import FORMATS, PERIOD_DEFAULT, report_answer
from marketbot.api.paging import ParameterInvalid
from marketbot.domain.audit_entry import Action, ActorKind
from marketbot.domain.scope import Scope
from marketbot.store.audit_trail import NEWEST, AuditFilter, AuditRow, list_entries
from marketbot.store.people import names_of
from marketbot.web.formats import Formats
from marketbot.web.page import as_file, seen_by, show
from marketbot.web.table import Column, Filter, Option, csv_answer, read_table, wants_csv

NAME = "audit"
ANY = Option("", "filter.any")
SUBJECTS = (
    "account",
    "channel",
    "environment",
    "everything",
    "instrument",
    "invitation",
    "job",
    "person",
    "policy",
    "session",
    "signal",
    "source",
    "token",
    "user",
    "venue",
)
"""What is done something to, as far as it is offered; the trail may know others."""
SUFFIXES = {"json": "json", "markdown": "md"}
DAY_CHARS = 10


class EntryKey(NamedTuple):
    """A place in the trail, the newest first."""

    below: int = NEWEST


@dataclass(frozen=True, slots=True)
class Told:
    """An entry, and what the person who did it is called now; the file has numbers alone, as the trail itself."""

    entry: AuditRow
    actor_name: str | None

    @property
    def actor_kind(self) -> str:
        return self.entry.actor_kind

    @property
    def actor_id(self) -> int | None:
        return self.entry.actor_id

    @property
    def subject_id(self) -> str:
        return self.entry.subject_id


COLUMNS: Sequence[Column[Told]] = (
    Column("at", lambda row: row.entry.at, "moment"),
    Column("done", lambda row: row.entry.action, "audited", lead=True),
    Column("actor", lambda row: row.actor_kind, "actor"),
    Column("actor_id", lambda row: row.actor_id, shown=False),
    Column("subject", lambda row: row.entry.subject_kind, "subject"),
    Column("subject_id", lambda row: row.subject_id, shown=False),
    Column("facts", lambda row: facts_of(row.entry), "code", full=True),
    Column("address", lambda row: row.entry.address, "address"),
    Column("entry_id", lambda row: row.entry.entry_id, "number", end=True),
    Column("hash", lambda row: row.entry.hash, shown=False),
)


@get("/operator/audit", opt=demands(Scope.AUDIT_READ))
async def trail(request: ApiRequest) -> Response[bytes]:
    database: Database = request.app.state.database
    formats = seen_by(request).formats
    asked = {name: text.strip() for name, text in request.query_params.items() if text.strip()}
    wanted = read_filter(asked | _period(asked, formats))

    async def read(behind: EntryKey, limit: int) -> Sequence[Told]:
        async with database.connection() as connection:
            rows = await list_entries(connection, wanted, behind.below, limit)
            people = {row.actor_id for row in rows if row.actor_kind == ActorKind.PERSON and row.actor_id is not None}
            names = await names_of(connection, sorted(people))
        return [Told(row, names.get(row.actor_id or 0) if row.actor_kind == ActorKind.PERSON else None) for row in rows]

    if wants_csv(request):
        return await csv_answer(request, NAME, COLUMNS, EntryKey(), read, key_of)
    table = await read_table(request, NAME, COLUMNS, EntryKey(), read, key_of, _filters(wanted, asked))
    today = formats.now.astimezone(formats.zone)
    return await show(
        request,
        "audit.html",
        table=table,
        report_formats=FORMATS,
        report_since=f"{today - PERIOD_DEFAULT:%Y-%m-%d}",
        report_until=f"{today:%Y-%m-%d}",
    )


@get("/operator/audit/proof", opt=demands(Scope.AUDIT_READ))
async def prove(request: ApiRequest) -> Response[bytes]:
    """Prove the chain from its beginning, or from behind the entry that ``after`` numbers, a part at a time."""
    database: Database = request.app.state.database
    after = read_number(request.query_params, "after") or 0
    proof, following = await prove_part(database, after)
    return await show(request, "proof.html", proof=proof, after=after, following=following)


@get("/operator/audit/report", opt=demands(Scope.AUDIT_READ))
async def control_report(request: ApiRequest) -> Response[bytes]:
    """The control report of a period of whole days, as a file."""
    formats = seen_by(request).formats
    asked = request.query_params
    wanted = asked.get("as", FORMATS[0])
    since, until = read_day(asked, "since", formats), read_day(asked, "until", formats)
    if until is not None:
        # The last day is part of it, as far as it has come.
        until = min(until + timedelta(days=1), formats.now)
    answer = await report_answer(request, since, until, wanted)
    day = f"{formats.now.astimezone(formats.zone):%Y-%m-%d}"
    name = f"marketbot-control-report-{asked.get('until') or day}.{SUFFIXES[wanted]}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return as_file(request, answer)


def key_of(row: Told) -> EntryKey:
    return EntryKey(row.entry.entry_id)


def facts_of(row: AuditRow) -> str:
    return "; ".join(f"{name}: {value}" for name, value in row.facts.items() if value is not None and value != "")


def read_day(asked: Mapping[str, str], name: str, formats: Formats) -> datetime | None:
    """Return when a day of the viewer's zone begins; None for none given.

    Raises:
        ParameterInvalid: it is no day.
    """
    text = asked.get(name, "")
    if not text:
        return None
    try:
        if len(text) != DAY_CHARS:
            raise ValueError
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=formats.zone)
    except ValueError:
        raise ParameterInvalid(f"{name} is a day, as 2026-01-31") from None
    if not 1 < day.year < 9999:
        raise ParameterInvalid(f"{name} is a day of our time")
    return day


def _period(asked: Mapping[str, str], formats: Formats) -> dict[str, str]:
    """Return the days of the filter as the moments that the trail is asked by; the last day is part of it."""
    since, until = read_day(asked, "since", formats), read_day(asked, "until", formats)
    found = {} if since is None else {"since": since.isoformat()}
    return found if until is None else found | {"until": (until + timedelta(days=1)).isoformat()}


def _filters(wanted: AuditFilter, asked: Mapping[str, str]) -> list[Filter]:
    kinds = (ANY, *(Option(each.value, f"actor.{each.value}") for each in ActorKind))
    actions = (ANY, *(Option(each.value, f"audit_action.{each.value}") for each in Action))
    known = {*SUBJECTS, *filter(None, [wanted.subject_kind])}
    subjects = (ANY, *(Option(each, f"subject.{each}") for each in sorted(known)))
    return [
        Filter("action", actions, wanted.action or ""),
        Filter("actor_kind", kinds, wanted.actor_kind or ""),
        Filter("actor_id", value=asked.get("actor_id", "")),
        Filter("subject_kind", subjects, wanted.subject_kind or ""),
        Filter("subject_id", value=wanted.subject_id or ""),
        Filter("since", value=asked.get("since", ""), kind="date"),
        Filter("until", value=asked.get("until", ""), kind="date"),
    ]
