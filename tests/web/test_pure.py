"""Small rules of the console: where a browser is sent, what a spreadsheet gets, what a picture shows."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.store.price_bars import PricePoint
from marketbot.web.csv_file import FORMULA_STARTS, cell, write_csv
from marketbot.web.forms import login_path, own_path
from marketbot.web.positions import outlook_of, span_of
from marketbot.web.sparkline import line_of


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "evil", "javascript:alert(1)", "",
        "/\t/evil.example", "/\n", "/" + "a" * 400, "/café", "///evil.example",
    ],
)  # fmt: skip
def test_nobody_is_sent_away(path: str) -> None:
    assert own_path(path, "/home") == "/home"


def test_own_paths_are_kept() -> None:
    assert own_path("/accounts/7?a=b") == "/accounts/7?a=b"
    assert login_path("/accounts/7") == "/login?next=/accounts/7"
    assert login_path("//evil.example") == "/login"


@given(st.text())
def test_no_text_is_a_formula(text: str) -> None:
    assert not cell(text).lstrip(" ").startswith(FORMULA_STARTS)


def test_values_stay_values() -> None:
    made = write_csv(
        ["a", "b", "c", "d", "e"],
        [["=1+1", Decimal("-2.50"), datetime(2026, 3, 1, tzinfo=UTC), None, True], ['a"b,c', 7, "x", "", "y"]],
    )
    rows = list(csv.reader(io.StringIO(made.decode("utf-8-sig"))))
    assert rows[1] == ["'=1+1", "-2.5", "2026-03-01T00:00:00Z", "", "true"]
    assert rows[2] == ['a"b,c', "7", "x", "", "y"]


@dataclass(frozen=True, slots=True)
class Held:
    entry_price: Decimal
    stop_price: Decimal | None
    target_price: Decimal | None


def test_an_entry_lies_between_its_stop_and_its_target() -> None:
    long = span_of(Held(Decimal(100), Decimal(98), Decimal(103)))
    assert long is not None
    assert (long.entry_pct, long.stop_distance_pct, long.target_distance_pct) == (Decimal(40), Decimal(2), Decimal(3))
    short = span_of(Held(Decimal(100), Decimal(102), Decimal(97)))
    assert short is not None
    assert (short.entry_pct, short.stop_distance_pct) == (Decimal(40), Decimal(2))
    assert span_of(Held(Decimal(100), Decimal(98), None)) is None
    assert span_of(Held(Decimal(100), Decimal(98), Decimal(98))) is None


@dataclass(frozen=True, slots=True)
class Holding:
    side: str
    entry_price: Decimal
    qty: Decimal = Decimal(2)
    stop_price: Decimal | None = Decimal(95)
    target_price: Decimal | None = None


@pytest.mark.parametrize(("side", "gain"), [("long", 20), ("short", -20)])
def test_what_the_price_means_for_a_position(side: str, gain: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    prices = [PricePoint(at, *(Decimal(each) for each in (99, low, low, close))) for low, close in ((97, 98), (96, 100))]
    found = outlook_of(Holding(side, Decimal(90)), prices)
    assert found is not None
    assert (found.price, found.low, found.high, found.gain) == (100, 96, 97, gain)
    assert (found.to_stop_pct, found.to_target_pct) == (Decimal("5.00"), None)
    assert outlook_of(Holding(side, Decimal(90)), []) is None


def test_a_small_line_fits_its_picture_and_keeps_its_base_in_sight() -> None:
    assert line_of([Decimal(5)]) is None
    line = line_of([Decimal(each) for each in (0, 10, 5)], Decimal(0))
    assert line is not None
    assert (line.points, line.base_y) == ("0.0,26.0 50.0,2.0 100.0,14.0", Decimal("26.0"))
    flat = line_of([Decimal(7)] * 500)
    assert flat is not None
    assert (len(flat.points.split()), flat.base_y) == (60, None)
    above = line_of([Decimal(10), Decimal(20)], Decimal(0))
    assert above is not None
    assert above.points == "0.0,14.0 100.0,2.0"
