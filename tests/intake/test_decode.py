"""The rules that decide between a signal and a refusal, each with the body that shows it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.intake.bodies import NOW, alert, read, reason_of, signal_of

from marketbot.domain.reasons import RefusalReason as R
from marketbot.domain.signal import Action, Signal
from marketbot.intake.actions import PHRASES
from marketbot.intake.document import MAX_BODY_BYTES, MAX_CONTAINERS, MAX_DEPTH
from marketbot.intake.numbers import MAX_PRICE, MIN_PRICE
from marketbot.intake.refused import Refused


@pytest.mark.parametrize(
    ("text", "action", "strong"),
    [
        ("SINAL LONG FORTE", Action.OPEN_LONG, True),
        ("SINAL SHORT FORTE", Action.OPEN_SHORT, True),
        ("SINAL LONG", Action.OPEN_LONG, False),
        ("SINAL SHORT", Action.OPEN_SHORT, False),
        ("FECHE LONG", Action.CLOSE_LONG, False),
        ("FECHE SHORT", Action.CLOSE_SHORT, False),
        ("BUY", Action.OPEN_LONG, False),
        ("SELL", Action.OPEN_SHORT, False),
        ("STRONG_BUY", Action.OPEN_LONG, True),
        ("STRONG_SELL", Action.OPEN_SHORT, True),
        ("LONG", Action.OPEN_LONG, False),
        ("SHORT", Action.OPEN_SHORT, False),
        ("CLOSE_LONG", Action.CLOSE_LONG, False),
        ("CLOSE_SHORT", Action.CLOSE_SHORT, False),
        ("FLAT", Action.CLOSE_ALL, False),
        ("enter_long", Action.OPEN_LONG, False),
        ("exit_long", Action.CLOSE_LONG, False),
        ("enter_short", Action.OPEN_SHORT, False),
        ("exit_short", Action.CLOSE_SHORT, False),
        ("  feche   long ", Action.CLOSE_LONG, False),
    ],
)
def test_the_texts_of_senders(text: str, action: Action, strong: bool) -> None:
    for body in (alert(signal=text), f"SIGNAL={text};SYMBOL=BTCUSDT", f"{text} BTCUSDT.P @ 100.5", f"{text} BTCUSDT"):
        found = signal_of(body)
        assert (found.action, found.strong, found.symbol) == (action, strong, "BTCUSDT")


@pytest.mark.parametrize("text", ["", "HOLD", "FECHE", "BUYS", "NOT LONG", "SINAL LONG FORTE FORTE", "LONG SHORT", "B U Y"])
def test_other_texts_are_no_signal(text: str) -> None:
    assert reason_of(alert(signal=text)) is R.ACTION_UNKNOWN


def test_no_closing_phrase_opens_anything() -> None:
    for phrase, command in PHRASES.items():
        closes = any(word in phrase.split() for word in ("FECHE", "CLOSE", "EXIT", "FLAT"))
        assert closes is not command.action.is_entry


@pytest.mark.parametrize(
    "symbol",
    [
        *("BTCUSDT", "BTCUSDT.P", "BINANCE:BTCUSDT.P", "BYBIT:BTCUSDT", "BTC/USDT:USDT", "BTC/USDT", "BTC-USDT", "BTC_USDT"),
        *("BTC-USDT-SWAP", "BTCUSDT_PERP", "btcusdt.p", " BTCUSDT ", "OKX:BTC-USDT-SWAP", "BINANCE:BTC/USDT"),
    ],
)
def test_the_spellings_of_one_instrument(symbol: str) -> None:
    assert signal_of(alert(ticker=symbol)).symbol == "BTCUSDT"


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        " ",
        "BT",
        "BTC/USDT:USDT-250926",
        "BTC/USDT:BTC",
        "BTC USDT",
        "BTCUSDT; DROP",
        "A" * 33,
        "BTCUSDT_250926",
        "../etc",
        "::",
    ],
)
def test_what_names_no_perpetual_is_refused(symbol: str) -> None:
    assert reason_of(alert(ticker=symbol)) is R.SYMBOL_UNKNOWN


@pytest.mark.parametrize(
    "price",
    [
        *(
            "NaN",
            "nan",
            "Infinity",
            "-Infinity",
            "-1",
            "0",
            "0.0",
            "1e99",
            "1e-30",
            "",
            " ",
            "12,5",
            "1_000",
            "0x10",
            "abc",
            "1.2.3",
        ),
        *("١٢٣", "9" * 40, "+5", "1000000001"),
    ],
)
def test_impossible_prices(price: str) -> None:
    assert reason_of(alert(close=price)) is R.PRICE_INVALID


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity", "-5", "0", "1e400", "-0.0"])
def test_impossible_prices_as_json_numbers(price: str) -> None:
    assert reason_of('{"symbol":"BTCUSDT","action":"BUY","price":' + price + "}") is R.PRICE_INVALID


def test_a_json_number_keeps_every_digit() -> None:
    found = signal_of('{"symbol":"BTCUSDT","action":"BUY","price":0.1000000000000000055}')
    assert found.price == Decimal("0.1000000000000000055")


@given(st.decimals(MIN_PRICE, MAX_PRICE, places=12))
def test_a_possible_price_comes_through_exactly(price: Decimal) -> None:
    if price == 0:
        return
    text = format(price, "f")
    assert signal_of(alert(close=text)).price == price
    assert signal_of('{"symbol":"BTCUSDT","action":"BUY","price":' + text + "}").price == price


def test_a_price_may_be_missing_or_null() -> None:
    assert signal_of(alert(close=...)).price is None
    assert signal_of(alert(close=None)).price is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", R.BODY_EMPTY),
        (b" \r\n\t", R.BODY_EMPTY),
        (b"\xff\xfe\x00", R.BODY_NOT_UTF8),
        (b'{"ticker":"BTCUSDT","signal":"SINAL LONG\xe9"}', R.BODY_NOT_UTF8),
        (b"x" * (MAX_BODY_BYTES + 1), R.BODY_TOO_LARGE),
        (b"BUY BTCUSDT\x00", R.BODY_MALFORMED),
        (b'{"ticker":"BTCUSDT"', R.BODY_MALFORMED),
        (b"[1,2]", R.BODY_MALFORMED),
        (b'{"signal":"BUY","signal":"SELL","ticker":"BTCUSDT"}', R.BODY_MALFORMED),
        (b'{"a":{"b":1,"b":2}}', R.BODY_MALFORMED),
        (b"SIGNAL=BUY;SIGNAL=SELL;SYMBOL=BTCUSDT", R.BODY_MALFORMED),
        (b"SIGNAL=BUY;SYMBOL", R.BODY_MALFORMED),
        (b"[" * 60_000, R.BODY_TOO_DEEP),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), R.BODY_TOO_DEEP),
        (b"[" + b"[]," * MAX_CONTAINERS + b"[]]", R.BODY_TOO_DEEP),
        (b'{"close":{{close}},"ticker":"BTCUSDT","signal":"BUY"}', R.PLACEHOLDER_UNREPLACED),
        (b"SINAL LONG {{ticker}} @ {{close}}", R.PLACEHOLDER_UNREPLACED),
        (b"SIGNAL=BUY;SYMBOL={{ticker}}", R.PLACEHOLDER_UNREPLACED),
        (b"SINAL LONG", R.FIELD_MISSING),
        (b"hello world", R.ACTION_UNKNOWN),
        (b"BUY BTCUSDT @ -5", R.PRICE_INVALID),
        (b"BUY BTCUSDT @", R.PRICE_INVALID),
        (b"y" * 1000, R.BODY_MALFORMED),
        (b'{"n":' + b"9" * 50_000 + b"}", R.FIELD_MISSING),
        (b"\xef\xbb\xbf{}", R.FIELD_MISSING),
    ],
    ids=range(25),
)
def test_bad_bodies(body: bytes, reason: R) -> None:
    assert reason_of(body) is reason


def test_brackets_inside_texts_do_not_nest() -> None:
    assert signal_of(alert(comment="[" * 20 + '\\"[{')).action is Action.OPEN_LONG


def test_the_greatest_depth_is_still_read() -> None:
    nested: Any = 1
    for _ in range(MAX_DEPTH - 1):
        nested = {"a": nested}
    assert signal_of(alert(extra=nested)).action is Action.OPEN_LONG


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ticker": ...}, R.FIELD_MISSING),
        ({"signal": ...}, R.FIELD_MISSING),
        ({"ticker": 5}, R.FIELD_INVALID),
        ({"ticker": ["BTCUSDT"]}, R.FIELD_INVALID),
        ({"signal": True}, R.FIELD_INVALID),
        ({"signal": {"a": 1}}, R.FIELD_INVALID),
        ({"close": [1]}, R.FIELD_INVALID),
        ({"ticker": "x" * 300}, R.FIELD_INVALID),
        ({"leverage": "-3"}, R.FIELD_INVALID),
        ({"leverage": "many"}, R.FIELD_INVALID),
        ({"order_type": "LIMIT"}, R.FIELD_INVALID),
        ({"max_lag": "soon"}, R.FIELD_INVALID),
        ({"symbol": "ETHUSDT"}, R.FIELD_INVALID),
        ({"action": "SELL"}, R.FIELD_INVALID),
        ({"strategy": "x", "market_position": "long"}, R.FIELD_MISSING),
        ({"close": "{{close}}"}, R.PLACEHOLDER_UNREPLACED),
        ({"time": "{{timenow}}"}, R.PLACEHOLDER_UNREPLACED),
        ({"time": "yesterday"}, R.TIMESTAMP_INVALID),
        ({"time": "2025-13-03T14:30:00Z"}, R.TIMESTAMP_INVALID),
        ({"time": "2025-09-03T14:31:00Z"}, R.TIMESTAMP_INVALID),
        ({"timestamp": "99999999999999999999"}, R.TIMESTAMP_INVALID),
    ],
)
def test_bad_fields(changes: dict[str, Any], reason: R) -> None:
    assert reason_of(alert(**changes)) is reason


def test_a_placeholder_in_a_field_nobody_reads_does_no_harm() -> None:
    assert signal_of(alert(comment="{{strategy.order.comment}}")).action is Action.OPEN_LONG


@pytest.mark.parametrize(
    ("order", "position", "previous", "expected"),
    [
        ("buy", "long", "flat", Action.OPEN_LONG),
        ("buy", "long", "short", Action.OPEN_LONG),
        ("buy", "long", "long", Action.OPEN_LONG),
        ("sell", "short", "flat", Action.OPEN_SHORT),
        ("sell", "short", "long", Action.OPEN_SHORT),
        ("sell", "flat", "long", Action.CLOSE_LONG),
        ("buy", "flat", "short", Action.CLOSE_SHORT),
        ("sell", "flat", None, Action.CLOSE_LONG),
        ("buy", "flat", None, Action.CLOSE_SHORT),
        ("sell", "long", "long", R.ACTION_UNKNOWN),
        ("buy", "short", "short", R.ACTION_UNKNOWN),
        ("hold", "long", "flat", R.ACTION_UNKNOWN),
        ("buy", "up", "flat", R.ACTION_UNKNOWN),
        ("buy", None, "flat", R.FIELD_MISSING),
    ],
)
def test_strategy_orders(order: str, position: str | None, previous: str | None, expected: Action | R) -> None:
    placed = {"order_action": order, "market_position": position, "prev_market_position": previous}
    nested = {"symbol": "BTCUSDT", "strategy": placed}
    flat = {"symbol": "BTCUSDT", **placed}
    for body in (nested, flat):
        found = read(body)
        assert (found.action if isinstance(found, Signal) else found.reason) == expected


def test_market_position_turns_a_plain_action_into_a_strategys() -> None:
    body = {"symbol": "BTCUSDT", "action": "sell", "market_position": "flat", "prev_market_position": "long"}
    assert signal_of(body).action is Action.CLOSE_LONG


@pytest.mark.parametrize(
    ("text", "seconds_old"),
    [
        ("2025-09-03T14:30:00Z", 5),
        ("2025-09-03T14:30:00.000Z", 5),
        ("2025-09-03T11:30:00-03:00", 5),
        ("2025-09-03 14:30:00", 5),
        ("1756909800", 5),
        ("1756909800000", 5),
        ("1756909800.5", 4.5),
    ],
)
def test_times(text: str, seconds_old: float) -> None:
    for name in ("time", "timestamp", "timenow"):
        assert signal_of(alert(**{name: text})).sent_at == NOW - timedelta(seconds=seconds_old)
    assert signal_of(alert(time=...) | {"timestamp": 1756909800}).sent_at == NOW - timedelta(seconds=5)


def test_a_sources_chart_interval_tells_when_a_bars_alert_was_raised() -> None:
    opened = {"time": "2025-09-03T14:00:00Z"}  # half an hour old: a 30-minute bar has just closed
    assert reason_of(alert(**opened)) is R.SIGNAL_EXPIRED
    assert signal_of(alert(**opened), chart_interval_s=1800).sent_at == NOW - timedelta(seconds=5)
    assert reason_of(alert(**opened), chart_interval_s=900) is R.SIGNAL_EXPIRED
    assert reason_of(alert(**opened, interval="15"), chart_interval_s=1800) is R.SIGNAL_EXPIRED
    assert reason_of(alert(timestamp="2025-09-03T14:00:00Z"), chart_interval_s=1800) is R.SIGNAL_EXPIRED


def test_a_refused_bar_time_says_how_to_mend_it() -> None:
    found = read(alert(time="2025-09-03T14:00:00Z"))
    assert isinstance(found, Refused)
    assert "{{timenow}}" in found.detail


def test_a_shorter_max_lag_counts_instead_of_the_window() -> None:
    old = {"timestamp": "2025-09-03T14:29:50Z"}
    assert signal_of(alert(**old, max_lag="20")).max_lag_s == 20
    assert reason_of(alert(**old, max_lag="10")) is R.SIGNAL_EXPIRED
    assert reason_of(alert(timestamp="2025-09-03T14:29:00Z", max_lag="300")) is R.SIGNAL_EXPIRED


def test_a_close_never_expires() -> None:
    for text in ("FECHE LONG", "FECHE SHORT", "FLAT"):
        assert not signal_of(alert(signal=text, time="2020-01-01T00:00:00Z", max_lag="1")).action.is_entry


def test_the_moment_is_preferred_to_the_bars_time() -> None:
    found = signal_of(alert(time="2025-09-03T10:00:00Z", timenow="2025-09-03T14:30:00Z"))
    assert found.sent_at == NOW - timedelta(seconds=5)


def test_a_bars_opening_time_counts_from_its_close_when_the_body_tells_the_interval() -> None:
    assert signal_of(alert(time="2025-09-03T14:00:00Z", interval="30")).sent_at == NOW - timedelta(seconds=5)
    assert signal_of(alert(time="2025-09-03T10:30:00Z", timeframe="4h")).sent_at == NOW - timedelta(seconds=5)
    assert reason_of(alert(time="2025-09-03T10:00:00Z", timeframe="4h")) is R.SIGNAL_EXPIRED
    # Raised inside the bar: it is as new as now.
    assert signal_of(alert(time="2025-09-03T14:00:00Z", interval="60")).sent_at == NOW


def test_a_senders_id_names_its_signal_but_never_hides_a_close() -> None:
    opened, again = signal_of(alert(id="42")), signal_of(alert(id="42", close="101"))
    closed, other = signal_of(alert(id="42", signal="FECHE LONG")), signal_of(alert(id="43"))
    assert opened.dedup_key == again.dedup_key
    assert len({opened.dedup_key, closed.dedup_key, other.dedup_key}) == 3
    assert signal_of(alert()).dedup_key is None
    assert signal_of(alert(alert_id="every-alert-the-same")).dedup_key is None
