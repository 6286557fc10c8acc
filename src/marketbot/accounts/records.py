"""One line of an accounts file, checked: what an owner asks for, before it meets the store. Pure.

No problem's text repeats a value of the file: a shifted column puts a secret where a name belongs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from marketbot.domain.ids import Symbol
from marketbot.domain.policy import Wishes
from marketbot.domain.venue import Environment, Venue

MAX_NAME_CHARS = 100
MIN_KEY_CHARS = 8
MAX_KEY_CHARS = 4_096
"""Some venues' secrets are whole PEM keys."""
MAX_LIST_ITEMS = 500
MAX_EGRESS = 1_023

_VENUE = re.compile(r"binance|bybit|ccxt:[a-z0-9]+")
_SYMBOL = re.compile(r"[A-Z0-9]{2,40}")
_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SEPARATORS = re.compile(r"[\s;|,]+")
_TRUE = frozenset({"true", "yes", "1", "y", "sim"})
_FALSE = frozenset({"false", "no", "0", "n", "nao", "não"})

REQUIRED = ("user", "label", "venue", "api_key", "api_secret")
OPTIONAL = (
    "environment",
    "follows",
    "paused",
    "reduce_only",
    "leverage",
    "stop_multiplier",
    "target_multiplier",
    "position_size_pct",
    "max_positions",
    "cooldown_min",
    "daily_loss_limit",
    "allowed_symbols",
    "denied_symbols",
    "egress",
)
FIELDS = frozenset(REQUIRED + OPTIONAL)


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account as its owner wants it. ``row`` counts from 1; ``follows`` is None when the file does not say."""

    row: int
    user: str
    label: str
    venue: Venue
    environment: Environment
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    follows: frozenset[str] | None = None
    paused: bool = False
    reduce_only: bool = False
    wishes: Wishes = field(default_factory=Wishes)
    egress: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one row (0: with the file) in a plain sentence."""

    row: int
    field: str
    sentence: str

    def __str__(self) -> str:
        place = f"row {self.row}, {self.field}" if self.field else f"row {self.row}"
        return f"{place if self.row else 'the file'}: {self.sentence}"


class _Wrong(Exception):
    """A field that cannot be read; the text is the problem's sentence."""


def read_record(row: int, values: Mapping[str, Any]) -> AccountRecord | list[Problem]:
    """Return the account that a row describes, or all that is wrong with it. An empty value counts as not given."""
    given = {name: value for name, value in values.items() if value is not None and value != ""}
    problems = [Problem(row, name, "is missing") for name in REQUIRED if name not in given]
    read: dict[str, Any] = {}
    for name, value in given.items():
        try:
            read[name] = _READERS[name](value)
        except _Wrong as wrong:
            problems.append(Problem(row, name, str(wrong)))
    if problems:
        return problems
    wishes = Wishes(**{name: read.pop(name) for name in _WISHES if name in read})
    return AccountRecord(row=row, wishes=wishes, **{"environment": Environment.TESTNET, **read})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong("must be text")
    return value.strip()


def _name(value: Any) -> str:
    text = _text(value)
    if not 0 < len(text) <= MAX_NAME_CHARS or not text.isprintable():
        raise _Wrong(f"must be 1 to {MAX_NAME_CHARS} printable characters")
    return text


def _key(value: Any) -> str:
    text = _text(value)
    if not MIN_KEY_CHARS <= len(text) <= MAX_KEY_CHARS or not text.isascii() or not text.replace("\n", "").isprintable():
        raise _Wrong(f"must be {MIN_KEY_CHARS} to {MAX_KEY_CHARS} plain characters, as the venue shows them")
    return text


def _api_key(value: Any) -> str:
    text = _key(value)
    if any(mark.isspace() for mark in text):
        raise _Wrong("holds a space; copy the key alone")
    return text


def _venue(value: Any) -> Venue:
    text = _text(value).lower()
    if _VENUE.fullmatch(text) is None:
        raise _Wrong("must be binance, bybit or ccxt:<exchange>")
    return Venue(text)


def _environment(value: Any) -> Environment:
    try:
        return Environment(_text(value).lower())
    except ValueError:
        raise _Wrong("must be mainnet (real money) or testnet (practice)") from None


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise _Wrong("must be true or false")


def _positive(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _Wrong("must be a number")
    try:
        number = Decimal(value if not isinstance(value, str) else value.strip())
    except InvalidOperation:
        raise _Wrong("must be a number, with a point for decimals") from None
    if not number.is_finite() or number <= 0:
        raise _Wrong("must be above zero")
    if number.adjusted() > 15 or number.as_tuple().exponent < -12:  # type: ignore[operator]  # finite: an int
        raise _Wrong("has too many digits")
    return number


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        text = str(value).strip()
        if isinstance(value, bool) or not text.isdecimal() or not text.isascii() or not low <= int(text[:10]) <= high:
            raise _Wrong(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def _items(value: Any) -> list[str]:
    items = value if isinstance(value, list) else _SEPARATORS.split(_text(value))
    if len(items) > MAX_LIST_ITEMS or not all(isinstance(item, str) for item in items):
        raise _Wrong(f"must be a list of at most {MAX_LIST_ITEMS} names")
    return [item.strip() for item in items if item.strip()]


def _symbols(value: Any) -> frozenset[Symbol]:
    symbols = [item.upper() for item in _items(value)]
    if not all(_SYMBOL.fullmatch(symbol) for symbol in symbols):
        raise _Wrong("must hold symbols such as BTCUSDT")
    return frozenset(Symbol(symbol) for symbol in symbols)


def _sources(value: Any) -> frozenset[str]:
    names = _items(value)
    if not all(_SOURCE.fullmatch(name) for name in names):
        raise _Wrong("must hold names of sources")
    return frozenset(names)


_WISHES: dict[str, Callable[[Any], Any]] = {
    "leverage": _positive,
    "stop_multiplier": _positive,
    "target_multiplier": _positive,
    "position_size_pct": _positive,
    "max_positions": _whole(1, 1_000),
    "cooldown_min": _whole(0, 100_000),
    "daily_loss_limit": _positive,
    "allowed_symbols": _symbols,
    "denied_symbols": _symbols,
}

_READERS: dict[str, Callable[[Any], Any]] = {
    "user": _name,
    "label": _name,
    "venue": _venue,
    "environment": _environment,
    "api_key": _api_key,
    "api_secret": _key,
    "follows": _sources,
    "paused": _flag,
    "reduce_only": _flag,
    "egress": _whole(0, MAX_EGRESS),
    **_WISHES,
}
