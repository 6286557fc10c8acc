"""Bodies and what became of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from marketbot.domain.reasons import RefusalReason as R
from marketbot.domain.signal import Signal
from marketbot.intake.decode import decode
from marketbot.intake.document import read_document
from marketbot.intake.refused import Refused

NOW = datetime(2025, 9, 3, 14, 30, 5, tzinfo=UTC)


def read(
    body: bytes | str | dict[str, Any], now: datetime = NOW, window_s: int = 30, chart_interval_s: int | None = None
) -> Signal | Refused:
    if isinstance(body, dict):
        body = json.dumps(body)
    document = read_document(body.encode() if isinstance(body, str) else body)
    if isinstance(document, Refused):
        return document
    return decode(document, now=now, window_s=window_s, chart_interval_s=chart_interval_s)


def alert(**changes: Any) -> dict[str, Any]:
    fields = {"ticker": "BTCUSDT", "signal": "SINAL LONG", "close": "100.5", **changes}
    return {name: value for name, value in fields.items() if value is not ...}


def reason_of(body: bytes | str | dict[str, Any], **how: Any) -> R:
    found = read(body, **how)
    assert isinstance(found, Refused), found
    return found.reason


def signal_of(body: bytes | str | dict[str, Any], **how: Any) -> Signal:
    found = read(body, **how)
    assert isinstance(found, Signal), found
    return found
