"""The alert bodies that the demo posts, with the present time and a source's secret written into them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_SECRET = "REPLACE"  # noqa: S105 - the mark where a secret goes

BAD_BODIES = ("bad_truncated.txt", "bad_placeholder.json", "bad_symbol.json", "bad_price.json", "bad_action.json")
STALE_BODY = "pine_long_strong.json"
"""Posted with the time that stands in it."""

PRICES = {"BTCUSDT": "111245.6", "ETHUSDT": "4312.77", "SOLUSDT": "203.41", "XRPUSDT": "2.8112", "DOGEUSDT": "0.21334"}
"""What the bodies say, so what the simulated markets start at: further apart, and the price collar would deny."""


def raw_body(name: str) -> bytes:
    """Return a body as it stands."""
    return files("marketbot.cli.demo").joinpath("bodies", name).read_bytes()


def body_of(name: str, *, secret: str, now: datetime) -> bytes:
    """Return a body that was sent ``now``."""
    told = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _TIME.sub(told, raw_body(name).decode()).replace(_SECRET, secret).encode()
