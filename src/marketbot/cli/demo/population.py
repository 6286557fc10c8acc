"""The accounts of a demo: a quarter at each market, each with its own settings, and some in every kind of trouble. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle, islice
from typing import Any

MARKETS = (("binance", "mainnet"), ("bybit", "mainnet"), ("binance", "testnet"), ("bybit", "testnet"))
MAIN_SOURCE = "momentum"
EARLY_SOURCE = "breakout"
FUND_ACCOUNTS = 12
"""Accounts of one busy user, whose ten operations a minute do not reach for all of them."""
ACCOUNTS_PER_USER = 2

_EGRESS_OUTSIDE = "203.0.113.9"


class Trouble(StrEnum):
    """Why an account does not trade like the others."""

    PAUSED = "paused"
    REDUCE_ONLY = "reduce_only"
    POOR = "poor"
    KEY_WRONG = "key_wrong"
    KEY_CAN_WITHDRAW = "key_can_withdraw"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    SYMBOL_DENIED = "symbol_denied"
    IN_COOLDOWN = "in_cooldown"


# In thousandths of the population; at least one account each.
SHARES: Mapping[Trouble, int] = {
    Trouble.PAUSED: 20,
    Trouble.REDUCE_ONLY: 15,
    Trouble.POOR: 20,
    Trouble.KEY_WRONG: 10,
    Trouble.KEY_CAN_WITHDRAW: 5,
    Trouble.ADDRESS_NOT_ALLOWED: 5,
    Trouble.SYMBOL_DENIED: 10,
    Trouble.IN_COOLDOWN: 40,
}


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """``at_venue`` makes it at the simulator; ``wishes`` are its columns in our accounts file, the keys apart."""

    label: str
    trouble: Trouble | None
    at_venue: Mapping[str, Any]
    wishes: Mapping[str, Any] = field(default_factory=dict)


def populate(count: int, seed: int) -> list[DemoAccount]:
    """Return ``count`` accounts; the same seed gives the same ones."""
    rng = random.Random(seed)  # noqa: S311 - a repeatable run, not a secret
    troubles = _troubles(count, rng)
    places = islice(cycle(MARKETS), count)
    return [_account(number, place, troubles.get(number), rng) for number, place in enumerate(places)]


def import_rows(accounts: Sequence[DemoAccount], made: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the accounts file: ``made`` is what the simulator answered, in the same order."""
    return [
        {
            **account.wishes,
            "label": account.label,
            "venue": account.at_venue["venue"],
            "environment": account.at_venue["environment"],
            "api_key": held["api_key"],
            # A key whose secret was copied wrongly.
            "api_secret": "f" * 48 if account.trouble is Trouble.KEY_WRONG else held["api_secret"],
        }
        for account, held in zip(accounts, made, strict=True)
    ]


def _troubles(count: int, rng: random.Random) -> dict[int, Trouble]:
    wanted = [trouble for trouble, share in SHARES.items() for _ in range(max(1, count * share // 1_000))]
    numbers = rng.sample(range(count), len(wanted))
    return dict(zip(numbers, wanted, strict=True))


def _account(number: int, place: tuple[str, str], trouble: Trouble | None, rng: random.Random) -> DemoAccount:
    venue, environment = place
    label = f"{venue}-{environment}-{number}"
    at_venue: dict[str, Any] = {
        "venue": venue,
        "environment": environment,
        "label": label,
        "balance": str(rng.choice((250, 500, 1_000, 2_500, 5_000))),
        "hedge": rng.random() < 0.05,
    }
    wishes = dict(_wishes(rng))
    wishes["user"] = "fund" if number < FUND_ACCOUNTS else f"user-{number // ACCOUNTS_PER_USER}"
    wishes["follows"] = [MAIN_SOURCE]
    match trouble:
        case Trouble.PAUSED:
            wishes["paused"] = True
        case Trouble.REDUCE_ONLY:
            wishes["reduce_only"] = True
        case Trouble.POOR:
            at_venue["balance"] = "3"
        case Trouble.KEY_CAN_WITHDRAW:
            at_venue["can_withdraw"] = True
        case Trouble.ADDRESS_NOT_ALLOWED:
            at_venue["ip_whitelist"] = [_EGRESS_OUTSIDE]
        case Trouble.SYMBOL_DENIED:
            wishes["denied_symbols"] = ["BTCUSDT"]
        case Trouble.IN_COOLDOWN:
            wishes["follows"] = [MAIN_SOURCE, EARLY_SOURCE]
            wishes["max_positions"] = 5
            wishes.pop("cooldown_min", None)
        case Trouble.KEY_WRONG | None:
            pass
    return DemoAccount(label, trouble, at_venue, wishes)


def _wishes(rng: random.Random) -> Iterator[tuple[str, Any]]:
    """Yield settings; most accounts leave most of them at the default, and some ask for more than the bounds allow."""
    choices: dict[str, tuple[Any, ...]] = {
        "leverage": (None, None, 2, 3, 8, 10, 15),
        "stop_multiplier": (None, None, "1.5", "3", "3.5"),
        "target_multiplier": (None, None, "2", "4", "5"),
        "position_size_pct": (None, None, 10, 20, 25, 60),
        "max_positions": (None, None, None, 1, 3, 4),
        "cooldown_min": (None, None, None, 30, 240),
    }
    for name, values in choices.items():
        value = rng.choice(values)
        if value is not None:
            yield name, value
