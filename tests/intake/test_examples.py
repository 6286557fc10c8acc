"""Every documented body decodes to what its README says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from marketbot.domain.reasons import RefusalReason
from marketbot.domain.signal import Action, Signal
from marketbot.intake.decode import decode
from marketbot.intake.document import REDACTED, Document, read_document
from marketbot.intake.refused import Refused

BODIES = Path(__file__).parents[1] / "signals"


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2025, 9, 3, hour, minute, second, tzinfo=UTC)


def read(name: str, now: datetime, window_s: int = 30) -> Signal | Refused:
    document = read_document((BODIES / name).read_bytes())
    return document if isinstance(document, Refused) else decode(document, now=now, window_s=window_s)


EXAMPLES = {
    "pine_long_strong.json": Signal(Action.OPEN_LONG, "BTCUSDT", strong=True, price=Decimal("111245.6"), sent_at=at(14, 30)),
    "pine_short.json": Signal(Action.OPEN_SHORT, "ETHUSDT", price=Decimal("4312.77"), leverage=Decimal(8), sent_at=at(14, 45)),
    "pine_close_long.json": Signal(Action.CLOSE_LONG, "BTCUSDT", price=Decimal("112020.1"), sent_at=at(16, 0)),
    "generic_buy.json": Signal(Action.OPEN_LONG, "SOLUSDT", strong=True, price=Decimal("203.41"), sent_at=at(14, 30)),
    "threecommas.json": Signal(Action.OPEN_LONG, "BTCUSDT", price=Decimal("111245.6"), sent_at=at(14, 30), max_lag_s=300),
    "keyvalue.txt": Signal(Action.OPEN_LONG, "BTCUSDT", leverage=Decimal(3)),
    "plain_text.txt": Signal(Action.OPEN_LONG, "BTCUSDT", strong=True, price=Decimal("111245.6")),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_documented_body_decodes(name: str) -> None:
    expected = EXAMPLES[name]
    assert read(name, (expected.sent_at or at(14, 30)) + timedelta(seconds=20)) == expected


def test_a_strategy_that_ends_flat_closes_the_side_it_came_from() -> None:
    found = read("tradingview_strategy.json", at(14, 45, 2))
    assert isinstance(found, Signal)
    assert (found.action, found.symbol, found.price) == (Action.CLOSE_LONG, "ETHUSDT", Decimal("4312.77"))
    assert found.sent_at == at(14, 45, 1)


def test_a_strategys_order_id_and_time_name_its_signal() -> None:
    body = (BODIES / "tradingview_strategy.json").read_bytes()
    first, later = read_document(body), read_document(body.replace(b"14:45:01", b"14:46:01"))
    assert isinstance(first, Document)
    assert isinstance(later, Document)
    keys = [decode(document, now=at(14, 46, 2), window_s=30) for document in (first, first, later)]
    names = [key.dedup_key for key in keys if isinstance(key, Signal)]
    assert len(names) == 3
    assert names[0] is not None
    assert names[0] == names[1] != names[2]


def test_bad_examples_are_refused_for_what_is_bad_about_them() -> None:
    for name, reason in (
        ("bad_placeholder.json", RefusalReason.PLACEHOLDER_UNREPLACED),
        ("bad_truncated.txt", RefusalReason.BODY_MALFORMED),
    ):
        found = read(name, at(14, 30))
        assert isinstance(found, Refused)
        assert found.reason is reason


@pytest.mark.parametrize("name", [name for name, signal in EXAMPLES.items() if signal.sent_at is not None])
def test_an_old_entry_is_refused_and_an_old_close_is_not(name: str) -> None:
    found = read(name, at(16, 0, 31) if name == "pine_close_long.json" else at(15, 0))
    if EXAMPLES[name].action.is_entry:
        assert isinstance(found, Refused)
        assert found.reason is RefusalReason.SIGNAL_EXPIRED
    else:
        assert isinstance(found, Signal)


@pytest.mark.parametrize(("name", "secret"), [("threecommas.json", "REPLACE"), ("keyvalue.txt", "REPLACE")])
def test_a_carried_secret_is_taken_out_of_what_is_kept(name: str, secret: str) -> None:
    body = (BODIES / name).read_bytes().replace(b"REPLACE", b"S3cr3t-canary-value")
    document = read_document(body)
    assert isinstance(document, Document)
    assert document.secret == "S3cr3t-canary-value"
    assert "canary" not in document.text
    assert "canary" not in repr(document)
    assert REDACTED in document.text
