"""Who may send: secrets, signatures, addresses."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from marketbot.domain.ids import SourceId
from marketbot.domain.reasons import RefusalReason as R
from marketbot.intake.authenticate import SIGNATURE_WINDOW_S, check_address, check_secret, check_signature
from marketbot.intake.source import Source

SECRET = "a-long-enough-secret"
KEY = b"k" * 32
NOW = datetime(2025, 9, 3, 14, 30, tzinfo=UTC)
WEBHOOK = Source(SourceId(1), "room", secret_sha256=hashlib.sha256(SECRET.encode()).digest())
PROGRAM = Source(SourceId(2), "program", hmac_key=KEY)


def sign(timestamp: str, body: bytes, key: bytes = KEY) -> str:
    return hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def reason(refused: object) -> object:
    return getattr(refused, "reason", None)


def test_only_the_secret_opens() -> None:
    assert check_secret(WEBHOOK, SECRET) is None
    for wrong in ("", SECRET[:-1], SECRET + "x", SECRET.upper(), "\ud800", "x" * 10_000):
        assert reason(check_secret(WEBHOOK, wrong)) is R.CREDENTIAL_INVALID
    assert check_secret(None, SECRET) == check_secret(WEBHOOK, "wrong") == check_secret(PROGRAM, SECRET)


def test_a_signature_covers_body_and_timestamp() -> None:
    stamp = str(int(NOW.timestamp()))
    good = sign(stamp, b"{}")
    assert check_signature(PROGRAM, stamp, good, b"{}", NOW) is None
    assert check_signature(PROGRAM, stamp, good.upper(), b"{}", NOW) is None
    millis = stamp + "250"
    assert check_signature(PROGRAM, millis, sign(millis, b"{}"), b"{}", NOW) is None
    for source, at, signature, body in (
        (PROGRAM, stamp, good, b"{} "),
        (PROGRAM, str(int(stamp) + 1), good, b"{}"),
        (PROGRAM, stamp, sign(stamp, b"{}", b"other key"), b"{}"),
        (PROGRAM, stamp, "", b"{}"),
        (PROGRAM, "", good, b"{}"),
        (PROGRAM, stamp, "é" * 64, b"{}"),
        (WEBHOOK, stamp, good, b"{}"),
        (None, stamp, good, b"{}"),
    ):
        assert reason(check_signature(source, at, signature, body, NOW)) is R.CREDENTIAL_INVALID


@pytest.mark.parametrize(
    ("off_s", "fine"), [(0, True), (SIGNATURE_WINDOW_S, True), (-SIGNATURE_WINDOW_S, True), (31, False), (-31, False)]
)
def test_a_signature_ages(off_s: int, fine: bool) -> None:
    stamp = str(int(NOW.timestamp()) + off_s)
    found = check_signature(PROGRAM, stamp, sign(stamp, b"x"), b"x", NOW)
    assert found is None if fine else reason(found) is R.TIMESTAMP_INVALID


def test_an_address_list_lets_in_what_it_names() -> None:
    source = Source(SourceId(3), "listed", allowed_addresses=("52.89.214.238/32", "2001:db8::/32"))
    for fine in ("52.89.214.238", "::ffff:52.89.214.238", "2001:db8::7"):
        assert check_address(source, fine) is None
    for foreign in ("52.89.214.239", "2001:db9::7", "", "unix:"):
        assert reason(check_address(source, foreign)) is R.ADDRESS_NOT_ALLOWED
    assert check_address(WEBHOOK, "203.0.113.9") is None


def test_no_secret_shows_in_a_repr() -> None:
    for source in (WEBHOOK, PROGRAM):
        assert "secret" not in repr(source)
        assert "hmac" not in repr(source)
