"""Accounts files, well and badly made: problems name row and field, and no value of the file."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.accounts.files import AccountsFile, read_accounts_file
from marketbot.domain.venue import Environment

GOOD = {"user": "ana", "label": "main", "venue": "binance", "api_key": "KEY-1234567890", "api_secret": "SECRET-0987654321"}


def as_csv(*rows: dict[str, str]) -> bytes:
    names = list(rows[0])
    return "\n".join([",".join(names), *(",".join(row[name] for name in names) for row in rows)]).encode()


def sentences(file: AccountsFile) -> str:
    return "\n".join(str(problem) for problem in file.problems)


def test_a_csv_row_with_nothing_but_the_necessary_is_a_testnet_account() -> None:
    file = read_accounts_file(as_csv(GOOD))
    [record] = file.records
    assert file.problems == ()
    assert (record.user, record.label, record.venue, record.environment) == ("ana", "main", "binance", Environment.TESTNET)
    assert (record.follows, record.paused, record.egress) == (None, False, None)
    assert record.wishes.leverage is None


def test_every_setting_is_read_alike_from_csv_and_json() -> None:
    settings = {
        "environment": "mainnet",
        "follows": "club vip",
        "paused": "yes",
        "reduce_only": "no",
        "leverage": "7",
        "stop_multiplier": "1.5",
        "target_multiplier": "2.5",
        "position_size_pct": "25",
        "max_positions": "3",
        "cooldown_min": "0",
        "daily_loss_limit": "100.50",
        "allowed_symbols": "BTCUSDT ethusdt",
        "denied_symbols": "DOGEUSDT",
        "egress": "2",
    }
    typed = {
        **settings,
        "follows": ["club", "vip"],
        "paused": True,
        "reduce_only": False,
        "leverage": 7,
        "stop_multiplier": 1.5,
        "max_positions": 3,
        "allowed_symbols": ["BTCUSDT", "ethusdt"],
        "egress": 2,
    }
    [from_csv] = read_accounts_file(as_csv({**GOOD, **settings})).records
    [from_json] = read_accounts_file(json.dumps([{**GOOD, **typed}]).encode()).records
    assert from_csv == from_json
    assert from_csv.follows == {"club", "vip"}
    assert from_csv.wishes.stop_multiplier == Decimal("1.5")
    assert from_csv.wishes.allowed_symbols == {"BTCUSDT", "ETHUSDT"}
    assert "SECRET" not in repr(from_csv)
    assert "KEY-" not in repr(from_csv)


def test_a_bom_and_quotes_and_empty_lines_are_no_problem() -> None:
    content = (
        b'\xef\xbb\xbfuser,label,venue,api_key,api_secret\r\n"ana, the first",main,bybit,KEY-1234567890,SECRET-0987654321\r\n\r\n'
    )
    file = read_accounts_file(content)
    assert file.problems == ()
    assert file.records[0].user == "ana, the first"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user", ""),
        ("venue", "binance-us"),
        ("venue", "ccxt:"),
        ("environment", "live"),
        ("api_key", "short"),
        ("api_key", "KEY 1234567890"),
        ("api_secret", "schlüssel-1234567890"),
        ("paused", "perhaps"),
        ("leverage", "NaN"),
        ("leverage", "Infinity"),
        ("leverage", "-5"),
        ("leverage", "1e400"),
        ("leverage", "0x10"),
        ("leverage", "1e-30"),
        ("max_positions", "0"),
        ("max_positions", "2.5"),
        ("cooldown_min", "-1"),
        ("cooldown_min", "99999999999999999999999"),
        ("allowed_symbols", "BTC/USDT"),
        ("follows", "Not A Source!"),
        ("egress", "5000"),
    ],
)
def test_a_bad_value_is_named_by_row_and_field(field: str, value: str) -> None:
    file = read_accounts_file(
        as_csv({**GOOD, "label": "other", "api_key": "KEY-another-one", field: value}, {**GOOD, field: value})
    )
    assert file.records == ()
    assert {problem.field for problem in file.problems} == {field}
    assert {problem.row for problem in file.problems} == {1, 2}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"{", "JSON"),
        (b"[NaN]", "JSON"),
        (b'{"accounts": 3}', "list"),
        (b"[" * 100_000, "JSON"),
        (b"user,label,venue,api_key", "api_secret"),
        (b"user,user,label,venue,api_key,api_secret", "twice"),
        (b"user,label,venue,api_key,api_secret,password", "column 6"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, word: str) -> None:
    file = read_accounts_file(content)
    assert file.records == ()
    assert word in sentences(file)


def test_no_problem_repeats_what_the_file_holds() -> None:
    """A shifted column, a file without header line: the secret is in the wrong place, and stays unspoken."""
    secret = "SECRET-0987654321"
    shifted = as_csv(
        {**GOOD, "venue": secret, "environment": secret, "leverage": secret, "follows": secret + "!", "paused": secret}
    )
    headless = f"ana,main,binance,KEY-1234567890,{secret}".encode()
    odd_cells = as_csv(GOOD) + f",{secret}".encode()
    odd_name = json.dumps([{**GOOD, secret: 1}]).encode()
    for content in (shifted, headless, odd_cells, odd_name):
        file = read_accounts_file(content)
        assert file.problems
        assert secret not in sentences(file)
        assert secret.lower() not in sentences(file).lower()


def test_the_second_of_two_rows_about_one_account_or_key_is_left_out() -> None:
    rows = [
        GOOD,
        {**GOOD, "api_key": "KEY-another-one"},
        {**GOOD, "label": "second"},
        {**GOOD, "label": "third", "api_key": "KEY-a-third-one"},
    ]
    file = read_accounts_file(as_csv(*rows))
    assert [record.label for record in file.records] == ["main", "third"]
    assert [(problem.row, problem.field) for problem in file.problems] == [(2, "label"), (3, "api_key")]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_exception(content: bytes) -> None:
    read_accounts_file(content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "leverage", "follows"]), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_read_without_an_exception(value: Any) -> None:
    read_accounts_file(json.dumps([value]).encode())
