"""An account's settings as its owner changes them, checked against the operator's bounds. Pure.

The bounds may move afterwards, and an import may ask for more: where a setting is used it is clamped (``domain.policy``). Here,
where somebody waits for an answer, a value outside them is refused with the range.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from marketbot.domain.money import ZERO, plain
from marketbot.domain.policy import Bound, Policy

MAX_SYMBOLS = 500
DIGITS_MAX = 15
"""Before the decimal point, less one."""
DECIMALS_MAX = 12

_SYMBOL = re.compile(r"[A-Z0-9]{2,40}")


class SettingFault(StrEnum):
    """What is wrong with one setting."""

    UNKNOWN = "SETTING_UNKNOWN"
    NOT_A_FLAG = "SETTING_NOT_A_FLAG"
    NOT_A_NUMBER = "SETTING_NOT_A_NUMBER"
    NOT_WHOLE = "SETTING_NOT_WHOLE"
    OUT_OF_RANGE = "SETTING_OUT_OF_RANGE"
    NOT_SYMBOLS = "SETTING_NOT_SYMBOLS"


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """``low`` and ``high`` are told where a range decided; an end that is None is open."""

    field: str
    fault: SettingFault
    low: Decimal | None = None
    high: Decimal | None = None


class _Wrong(Exception):
    def __init__(self, fault: SettingFault, low: Decimal | None = None, high: Decimal | None = None) -> None:
        super().__init__(fault)
        self.fault, self.low, self.high = fault, low, high


def read_settings(document: Mapping[str, Any], policy: Policy) -> dict[str, Any] | list[SettingProblem]:
    """Return the changes that a document asks for, by column, or all that is wrong with it.

    null takes a wish back, so that the operator's default counts again. Numbers may be JSON numbers (read as int or Decimal) or
    texts; a float is refused, for it is not what was typed.
    """
    readers = _readers(policy)
    changes: dict[str, Any] = {}
    problems: list[SettingProblem] = []
    for name, value in document.items():
        reader = readers.get(name)
        if reader is None:
            problems.append(SettingProblem(name, SettingFault.UNKNOWN))
            continue
        try:
            changes[name] = reader(value)
        except _Wrong as wrong:
            problems.append(SettingProblem(name, wrong.fault, wrong.low, wrong.high))
    return problems or changes


def _readers(policy: Policy) -> dict[str, Callable[[Any], Any]]:
    return {
        "paused": _flag,
        "reduce_only": _flag,
        "leverage": _bounded(policy.leverage, whole=True),
        "stop_multiplier": _bounded(policy.stop_multiplier),
        "target_multiplier": _bounded(policy.target_multiplier),
        "position_size_pct": _bounded(policy.position_size_pct),
        "max_positions": _bounded(policy.max_positions, whole=True),
        "cooldown_min": _bounded(policy.cooldown_min, whole=True),
        "daily_loss_limit": _loss_limit,
        "allowed_symbols": lambda value: None if value is None else _symbols(value),
        "denied_symbols": lambda value: [] if value is None else _symbols(value),
    }


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(SettingFault.NOT_A_FLAG)
    return value


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise _Wrong(SettingFault.NOT_A_NUMBER)
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        raise _Wrong(SettingFault.NOT_A_NUMBER) from None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -DECIMALS_MAX or number.adjusted() > DIGITS_MAX:
        raise _Wrong(SettingFault.NOT_A_NUMBER)
    return number


def _bounded(bound: Bound, *, whole: bool = False) -> Callable[[Any], Any]:
    def read(value: Any) -> int | Decimal | None:
        if value is None:
            return None
        number = _number(value)
        if not bound.low <= number <= bound.high:
            raise _Wrong(SettingFault.OUT_OF_RANGE, bound.low, bound.high)
        if not whole:
            return number
        if number != number.to_integral_value():
            raise _Wrong(SettingFault.NOT_WHOLE)
        return int(number)

    return read


def _loss_limit(value: Any) -> Decimal | None:
    if value is None:
        return None
    number = _number(value)
    if number <= ZERO:
        raise _Wrong(SettingFault.OUT_OF_RANGE, ZERO)
    return number


def _symbols(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_SYMBOLS or not all(isinstance(each, str) for each in value):
        raise _Wrong(SettingFault.NOT_SYMBOLS)
    symbols = sorted({each.strip().upper() for each in value})
    if not all(_SYMBOL.fullmatch(each) for each in symbols):
        raise _Wrong(SettingFault.NOT_SYMBOLS)
    return symbols


def range_text(problem: SettingProblem) -> str:
    """Write a problem's range; empty where it has none. Both ends are included, but for an open loss limit."""
    if problem.low is None:
        return ""
    return f"> {plain(problem.low)}" if problem.high is None else f"{plain(problem.low)} .. {plain(problem.high)}"
