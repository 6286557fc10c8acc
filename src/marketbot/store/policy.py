"""The operator's policy as one document: what was changed, merged over the defaults, and checked before it rules anything.

Numbers that are Decimal stand as strings in the document, since a JSON number would pass through a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from marketbot.domain.errors import MarketBotError
from marketbot.domain.ids import Symbol
from marketbot.domain.money import plain
from marketbot.domain.policy import Bound, Policy
from marketbot.store.pool import Connection
from marketbot.store.switches import CONTROL_CHANNEL

Document = Mapping[str, Any]

_READ = "SELECT document FROM policy"
_READ_TO_CHANGE = "SELECT document FROM policy FOR UPDATE"
_CHANGED_AT = "SELECT changed_at FROM policy"
_CHANGED_AT_TO_CHANGE = "SELECT changed_at FROM policy FOR UPDATE"
_WRITE = """
INSERT INTO policy (document) VALUES ($1)
ON CONFLICT (only_row) DO UPDATE SET document = excluded.document, changed_at = now()
"""

# No setting of the operator's reaches beyond these.
LIMITS: Mapping[str, tuple[Decimal, Decimal]] = {
    "leverage": (Decimal(1), Decimal(125)),
    "stop_multiplier": (Decimal("0.1"), Decimal(50)),
    "target_multiplier": (Decimal("0.1"), Decimal(99)),
    "position_size_pct": (Decimal("0.1"), Decimal(100)),
    "max_positions": (Decimal(1), Decimal(100)),
    "cooldown_min": (Decimal(0), Decimal(10_080)),
    "validation_window_s": (Decimal(1), Decimal(3_600)),
    "execution_window_s": (Decimal(1), Decimal(3_600)),
    "operations_per_minute": (Decimal(1), Decimal(1_000)),
    "price_collar_pct": (Decimal("0.1"), Decimal(100)),
    "reference_max_age_s": (Decimal(1), Decimal(300)),
    "max_order_notional": (Decimal(1), Decimal(1_000_000_000)),
    "max_account_notional": (Decimal(1), Decimal(10_000_000_000)),
}
RESTRICTED_SYMBOLS_MAX = 2_000
WHOLE_MARGIN_PCT = Decimal(100)

_DEFAULTS = Policy()
_BOUND_PARTS = ("default", "low", "high")


class PolicyFault(StrEnum):
    """What is wrong with a setting; the sentence beside it says it in English."""

    UNKNOWN = "unknown"
    NOT_A_NUMBER = "not_a_number"
    NOT_WHOLE = "not_whole"
    OUT_OF_RANGE = "out_of_range"
    DEFAULT_OUTSIDE = "default_outside"
    BEYOND_MARGIN = "beyond_margin"
    ORDER_ABOVE_ACCOUNT = "order_above_account"
    WINDOWS_CROSSED = "windows_crossed"
    NOT_SYMBOLS = "not_symbols"


class PolicyInvalid(MarketBotError):
    """A policy that cannot rule; ``field`` names what is wrong with it."""

    def __init__(self, field: str, fault: PolicyFault, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.fault = fault


def decode_policy(document: Document) -> Policy:
    """Merge ``document`` over the defaults and check the whole.

    Raises:
        PolicyInvalid: a field is unknown, malformed, beyond its limits, or at odds with another.
    """
    known = {field.name for field in fields(Policy)}
    for name in document:
        if name not in known:
            raise PolicyInvalid(str(name), PolicyFault.UNKNOWN, "there is no such setting")
    policy = Policy(**{name: _decode_field(name, value) for name, value in document.items()})
    # A stop at the whole margin or beyond comes after the liquidation.
    if policy.stop_multiplier.high * policy.leverage.high >= WHOLE_MARGIN_PCT:
        raise PolicyInvalid(
            "stop_multiplier",
            PolicyFault.BEYOND_MARGIN,
            "its highest value times the highest leverage must stay below 100 % of margin",
        )
    if policy.max_order_notional > policy.max_account_notional:
        raise PolicyInvalid(
            "max_order_notional", PolicyFault.ORDER_ABOVE_ACCOUNT, "one order may not be worth more than an account may hold"
        )
    if policy.execution_window_s < policy.validation_window_s:
        raise PolicyInvalid("execution_window_s", PolicyFault.WINDOWS_CROSSED, "it may not end before the validation window")
    return policy


def policy_faults(document: Document) -> list[PolicyInvalid]:
    """Return what is wrong with a document, each setting looked at by itself; only where all are well, with the whole."""
    found = []
    for name, value in document.items():
        if any(field.name == name for field in fields(Policy)):
            try:
                _decode_field(name, value)
            except PolicyInvalid as invalid:
                found.append(invalid)
    if not found:
        try:
            decode_policy(document)
        except PolicyInvalid as invalid:
            found.append(invalid)
    return found


def encode_policy(policy: Policy) -> dict[str, Any]:
    """Return the whole policy as a document that ``decode_policy`` reads."""
    return {field.name: _encode_value(getattr(policy, field.name)) for field in fields(Policy)}


async def read_policy(connection: Connection) -> Policy:
    """Return the policy in force; the defaults where the operator never set one."""
    document = await connection.fetchval(_READ)
    return _DEFAULTS if document is None else decode_policy(document)


async def policy_changed_at(connection: Connection, *, to_change: bool = False) -> datetime | None:
    """Return when the policy was changed last, None for never; ``to_change`` keeps others from changing it until the transaction ends."""
    found: datetime | None = await connection.fetchval(_CHANGED_AT_TO_CHANGE if to_change else _CHANGED_AT)
    return found


async def change_policy(connection: Connection, changes: Document) -> tuple[Policy, Policy]:
    """Apply ``changes`` to the policy in force; return it as it was and as it is, committed by the caller.

    Of a bound, single parts may be given. Run it in a transaction: the row is locked, so that two changes do not lose one.

    Raises:
        PolicyInvalid: the result could not rule; nothing is changed.
    """
    document = await connection.fetchval(_READ_TO_CHANGE) or {}
    before = decode_policy(document)
    merged = dict(document)
    for name, value in changes.items():
        if isinstance(value, Mapping) and isinstance(getattr(before, name, None), Bound):
            merged[name] = {**_encode_value(getattr(before, name)), **value}
        else:
            merged[name] = value
    after = decode_policy(merged)
    await connection.execute(_WRITE, {name: _encode_value(getattr(after, name)) for name in merged})
    await connection.execute(f"NOTIFY {CONTROL_CHANNEL}")
    return before, after


class PostgresPolicyBook:
    """The policy within the caller's transaction; see ``controls.policy.PolicyBook``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def change(self, changes: Document) -> tuple[Policy, Policy]:
        return await change_policy(self._connection, changes)


def _decode_field(name: str, value: Any) -> Any:
    if name == "restricted_symbols":
        return _decode_symbols(name, value)
    default = getattr(_DEFAULTS, name)
    if isinstance(default, Bound):
        return _decode_bound(name, value, default)
    number = _decode_number(name, value)
    if isinstance(default, int):
        return _whole(name, number)
    return number


def _decode_bound(name: str, value: Any, default: Bound) -> Bound:
    if not isinstance(value, Mapping):
        raise PolicyInvalid(name, PolicyFault.NOT_A_NUMBER, "needs an object with default, low and high")
    for part in value:
        if part not in _BOUND_PARTS:
            raise PolicyInvalid(f"{name}.{part}", PolicyFault.UNKNOWN, "there is no such part; give default, low or high")
    bound = Bound(
        **{
            part: _decode_number(name, value[part], f".{part}") if part in value else getattr(default, part)
            for part in _BOUND_PARTS
        }
    )
    if not bound.low <= bound.default <= bound.high:
        raise PolicyInvalid(name, PolicyFault.DEFAULT_OUTSIDE, "the default must lie between low and high")
    if name in ("max_positions", "cooldown_min"):
        for part in _BOUND_PARTS:
            _whole(f"{name}.{part}", getattr(bound, part))
    return bound


def _decode_number(name: str, value: Any, part: str = "") -> Decimal:
    """Read a number that must lie within its limits; a float is refused, for it is not what was typed."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise PolicyInvalid(name + part, PolicyFault.NOT_A_NUMBER, "needs a number, written as a string")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise PolicyInvalid(name + part, PolicyFault.NOT_A_NUMBER, "is not a number") from None
    low, high = LIMITS[name]
    if not number.is_finite() or not low <= number <= high:
        raise PolicyInvalid(name + part, PolicyFault.OUT_OF_RANGE, f"must lie between {plain(low)} and {plain(high)}")
    return number


def _decode_symbols(name: str, value: Any) -> frozenset[Symbol]:
    if not isinstance(value, list | tuple | frozenset) or not all(isinstance(symbol, str) and symbol for symbol in value):
        raise PolicyInvalid(name, PolicyFault.NOT_SYMBOLS, "needs a list of symbols")
    if len(value) > RESTRICTED_SYMBOLS_MAX:
        raise PolicyInvalid(name, PolicyFault.NOT_SYMBOLS, f"takes at most {RESTRICTED_SYMBOLS_MAX} symbols")
    return frozenset(Symbol(symbol) for symbol in value)


def _whole(name: str, number: Decimal) -> int:
    if number != number.to_integral_value():
        raise PolicyInvalid(name, PolicyFault.NOT_WHOLE, "must be a whole number")
    return int(number)


def _encode_value(value: Any) -> Any:
    if isinstance(value, Bound):
        return {part: plain(getattr(value, part)) for part in _BOUND_PARTS}
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, frozenset):
        return sorted(value)
    return value
