"""Refused alerts as operators read them: why, in their language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from marketbot.domain.ids import SourceId
from marketbot.domain.reason_texts import refusal_text
from marketbot.domain.reasons import Language, RefusalReason
from marketbot.store.pool import Connection
from marketbot.store.refusals import latest_refusals

REFUSALS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ToldRefusal:
    """``source`` is None where the caller proved nothing; ``detail`` is one of our own sentences, in English."""

    source_id: SourceId | None
    source: str | None
    address: str
    why: str
    detail: str
    at: datetime


async def told_refusals(connection: Connection, source_id: SourceId | None, language: Language) -> list[ToldRefusal]:
    rows = await latest_refusals(connection, source_id, REFUSALS_SHOWN)
    return [
        ToldRefusal(row.source_id, row.source, row.address, _why(row.reason, language), row.detail, row.refused_at)
        for row in rows
    ]


def _why(reason: str, language: Language) -> str:
    try:
        return refusal_text(RefusalReason(reason), language)
    except ValueError:
        return reason
