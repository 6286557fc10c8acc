"""Whatever is sent is answered, and what becomes a signal is within bounds."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from tests.intake.bodies import NOW, read

from marketbot.domain.signal import Signal
from marketbot.intake.actions import PHRASES
from marketbot.intake.numbers import MAX_PRICE, MIN_PRICE
from marketbot.intake.refused import Refused

TEXTS = st.one_of(
    st.sampled_from(
        [*PHRASES, "BTCUSDT", "{{x}}", "NaN", "-1", "1e5", "2025-09-03T14:30:00Z", "1756909800", "flat", "long", "buy"]
    ),
    st.text(max_size=20),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("ticker", "symbol", "signal", "action", "close", "price", "time", "timestamp", "timenow", "leverage", "max_lag", "id"),
        *("strategy", "order", "order_action", "market_position", "secret", "token", "interval", "tv_instrument", "alert_id"),
    ]
)


@given(st.binary(max_size=300))
@example(b'{"ticker":"\\ud800","signal":"BUY","id":"\\ud800\\u0000"}')
@example(b"{" * 70_000)
@example(b'"')
@example(b"=")
@example(b"A=\xc2\xa0")
def test_any_bytes_are_answered(body: bytes) -> None:
    assert isinstance(read(body), Signal | Refused)


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.binary(max_size=3), st.integers(0, 200))
def test_any_json_is_answered(fields: dict[str, Any], noise: bytes, cut: int) -> None:
    body = json.dumps(fields).encode()
    assert isinstance(read(body), Signal | Refused)
    assert isinstance(read(body[:cut] + noise + body[cut:]), Signal | Refused)


@given(st.dictionaries(NAMES, TEXTS, max_size=8))
def test_whatever_becomes_a_signal_is_within_bounds(fields: dict[str, Any]) -> None:
    found = read(fields)
    if isinstance(found, Signal):
        assert found.symbol.isalnum()
        assert found.price is None or MIN_PRICE <= found.price <= MAX_PRICE
        assert found.sent_at is None or found.sent_at <= NOW + timedelta(seconds=30)
        assert found.dedup_key is None or len(found.dedup_key) == 64
