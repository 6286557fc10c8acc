"""Where an order goes: a venue, an environment, and both together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

Venue = NewType("Venue", str)
"""``binance``, ``bybit`` (native clients) or ``ccxt:<exchange id>``."""

BINANCE = Venue("binance")
BYBIT = Venue("bybit")
CCXT_PREFIX = "ccxt:"


class Environment(StrEnum):
    """Real money or practice. Nothing ever falls back from one to the other."""

    MAINNET = "mainnet"
    TESTNET = "testnet"


class Profile(StrEnum):
    """What a database is for, fixed when it is made: real venues, or the simulator's."""

    LIVE = "live"
    SIMULATION = "simulation"


@dataclass(frozen=True, slots=True, order=True)
class Market:
    """One venue in one environment: the unit that has hosts, instruments, prices, a clock and a budget."""

    venue: Venue
    environment: Environment

    def __str__(self) -> str:
        return f"{self.venue}/{self.environment}"


class PositionMode(StrEnum):
    """Whether an account nets a symbol into one position or holds a long and a short side by side."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"
