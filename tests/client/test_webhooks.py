"""Signatures, made and checked by the server's own code on the other side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from marketbot.intake.authenticate import check_signature
from marketbot.intake.source import Source
from marketbot.notices.signing import make_secret, signature
from marketbot_client import SignatureInvalid, sign_signal, verify_webhook

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = orjson.dumps({"id": 71, "notice": "test"})


def headers(secret: str, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    at_s = int(at.timestamp())
    return {"X-MarketBot-Timestamp": str(at_s), "X-MarketBot-Signature": signature(secret, at_s, body)}


def test_a_notice_of_the_servers_is_believed() -> None:
    secret = make_secret()
    sent = headers(secret)
    assert verify_webhook(secret, sent, BODY, NOW)["id"] == 71
    assert (
        verify_webhook(secret, {name.lower(): value for name, value in sent.items()}, BODY, NOW + timedelta(minutes=5))["id"]
        == 71
    )


@pytest.mark.parametrize("late", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)])
def test_an_old_one_and_one_from_the_future_are_not(late: timedelta) -> None:
    secret = make_secret()
    with pytest.raises(SignatureInvalid, match="within"):
        verify_webhook(secret, headers(secret), BODY, NOW + late)


@pytest.mark.parametrize(
    "changed",
    [
        {"X-MarketBot-Signature": ""},
        {"X-MarketBot-Signature": "v1="},
        {"X-MarketBot-Signature": "v1=é"},
        {"X-MarketBot-Signature": "v2=" + "0" * 64},
        {"X-MarketBot-Timestamp": ""},
        {"X-MarketBot-Timestamp": "١"},
        {"X-MarketBot-Timestamp": "9" * 40},
        {"X-MarketBot-Timestamp": str(int(NOW.timestamp()) + 1)},
    ],
    ids=str,
)
def test_whatever_is_changed_is_noticed(changed: dict[str, str]) -> None:
    secret = make_secret()
    with pytest.raises(SignatureInvalid):
        verify_webhook(secret, headers(secret) | changed, BODY, NOW)
    with pytest.raises(SignatureInvalid):
        verify_webhook(secret, headers(secret), BODY + b" ", NOW)
    with pytest.raises(SignatureInvalid):
        verify_webhook(make_secret(), headers(secret), BODY, NOW)


def test_a_signal_that_it_signs_is_taken_by_the_servers_own_check() -> None:
    source = Source(1, "desk", True, None, b"a-secret", (), 300, frozenset(), None)  # type: ignore[arg-type]
    timestamp, signed = sign_signal("a-secret", "BUY BTCUSDT", NOW)
    assert check_signature(source, timestamp, signed, b"BUY BTCUSDT", NOW) is None
    assert check_signature(source, timestamp, signed, b"SELL BTCUSDT", NOW) is not None
