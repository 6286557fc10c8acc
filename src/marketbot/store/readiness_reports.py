"""The last reports of ``marketbot readiness``, as it left them: this side reads no rule and reckons no score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from marketbot.domain.reasons import Language
from marketbot.store.pool import Connection

REPORTS_KEPT_MAX = 20

WRITE = """
INSERT INTO readiness_report (started_at, readiness, ready, simulation, documents, pages)
VALUES ($1, $2, $3, $4, $5::text::jsonb, $6::text::jsonb) RETURNING report_id
"""
PRUNE = """
DELETE FROM readiness_report WHERE report_id NOT IN (SELECT report_id FROM readiness_report ORDER BY report_id DESC LIMIT $1)
"""
LIST = """
SELECT report_id, started_at, kept_at, readiness, ready, simulation FROM readiness_report ORDER BY report_id DESC LIMIT $1
"""
READ = """
SELECT report_id, started_at, kept_at, readiness, ready, simulation, documents -> $2::text AS document
FROM readiness_report WHERE $1::bigint IS NULL OR report_id = $1 ORDER BY report_id DESC LIMIT 1
"""
PAGE = "SELECT pages ->> $2::text FROM readiness_report WHERE report_id = $1"
_KEY = {Language.EN: "en", Language.PT: "pt"}


@dataclass(frozen=True, slots=True)
class KeptReport:
    """``readiness`` is 0 to 1; ``simulation``: it was a throw-away installation with simulated venues."""

    report_id: int
    started_at: datetime
    kept_at: datetime
    readiness: Decimal
    ready: bool
    simulation: bool


async def keep_report(connection: Connection, documents: Mapping[str, Mapping[str, Any]], pages: Mapping[str, str]) -> int:
    """Keep one report, given by language (en, pt) as an object and as a page; the oldest beyond the bound go. Return its number."""
    said = documents["en"]
    async with connection.transaction():
        number: int = await connection.fetchval(
            WRITE,
            datetime.fromisoformat(said["started_at"]),
            Decimal(str(said["readiness"])),
            said["ready"],
            said["simulation"],
            orjson.dumps(documents).decode(),
            orjson.dumps(pages).decode(),
        )
        await connection.execute(PRUNE, REPORTS_KEPT_MAX)
    return number


async def list_reports(connection: Connection) -> list[KeptReport]:
    """Return what is kept, the latest first."""
    return [KeptReport(**dict(row)) for row in await connection.fetch(LIST, REPORTS_KEPT_MAX)]


async def read_report(
    connection: Connection, report_id: int | None, language: Language
) -> tuple[KeptReport, dict[str, Any]] | None:
    """Return one report in a language, the latest where no number is given; None when there is none such."""
    row = await connection.fetchrow(READ, report_id, _KEY[language])
    if row is None:
        return None
    values = dict(row)
    document: dict[str, Any] = values.pop("document")
    return KeptReport(**values), document


async def read_page(connection: Connection, report_id: int, language: Language) -> str | None:
    """Return one report as the page that the command would have written."""
    page: str | None = await connection.fetchval(PAGE, report_id, _KEY[language])
    return page
