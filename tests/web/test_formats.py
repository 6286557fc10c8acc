"""Numbers, money and times as each viewer writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.reasons import Language
from marketbot.web.formats import Formats, read_zone
from marketbot.web.texts import catalog

NOW = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
EN = Formats(catalog(Language.EN), UTC, NOW)
PT = Formats(catalog(Language.PT), read_zone("America/Sao_Paulo"), NOW)


@pytest.mark.parametrize(
    ("value", "english", "portuguese"),
    [
        ("1234.5", "1,234.5", "1.234,5"),
        ("0.00000012", "0.00000012", "0,00000012"),
        ("-1234567", "\u22121,234,567", "\u22121.234.567"),
        ("999", "999", "999"),
        ("1E+6", "1,000,000", "1.000.000"),
    ],
)
def test_numbers(value: str, english: str, portuguese: str) -> None:
    assert EN.number(Decimal(value)) == english
    assert PT.number(Decimal(value)) == portuguese


def test_money_and_gains() -> None:
    assert (EN.money(Decimal("12480.555")), PT.money(Decimal("12480.555"))) == ("12,480.56", "12.480,56")
    assert (EN.gain(Decimal("3.5")), EN.gain(Decimal("-3.5")), EN.gain(Decimal(0))) == ("+3.50", "\u22123.50", "0.00")
    assert EN.gain(Decimal("-0.001")) == "0.00"
    assert EN.money(None) == "\u2013"
    assert (EN.percent(Decimal("2.50")), PT.percent(Decimal("2.50"))) == ("2.5%", "2,5%")


def test_times_are_the_viewers() -> None:
    assert EN.moment(NOW) == "2026-03-01 15:30:00"
    assert PT.moment(NOW) == "01/03/2026 12:30:00"
    assert (EN.ago(NOW - timedelta(minutes=5)), PT.ago(NOW - timedelta(days=1))) == ("5 min ago", "há 1 dia")
    assert EN.ago(NOW + timedelta(seconds=3)) == "now"


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "/etc/localtime", "Mars/Olympus", "America/Sao_Paulo\0", "A" * 100, "America"]
)
def test_a_zone_that_is_none_is_utc(name: str) -> None:
    assert read_zone(name) is UTC


@pytest.mark.parametrize(
    ("typed", "english", "portuguese"),
    [
        ("2.5", "2.5", "2.5"),
        ("2,5", "2.5", "2.5"),
        ("1,234.5", "1234.5", None),
        ("1.234,5", None, "1234.5"),
        ("1,500", "1500", "1.500"),
        ("1.500", "1.500", "1500"),
        ("x", None, None),
        ("1e5", None, None),
        ("NaN", None, None),
        ("1,2,3", None, None),
        ("", None, None),
        ("-3", "-3", "-3"),
    ],
)
def test_what_is_typed_is_read(typed: str, english: str | None, portuguese: str | None) -> None:
    assert EN.read_number(typed) == (None if english is None else Decimal(english))
    assert PT.read_number(typed) == (None if portuguese is None else Decimal(portuguese))


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=8))
def test_what_is_shown_is_read_back(value: Decimal) -> None:
    for formats in (EN, PT):
        assert formats.read_number(formats.number(value)) == value
