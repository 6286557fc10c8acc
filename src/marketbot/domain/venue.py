"""Where an order goes: a venue, an environment, and both together."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, NewType

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


class Market(NamedTuple):
    """One venue in one environment: the unit that has hosts, instruments, prices, a clock and a budget.

    A tuple, for it is the key of many look-ups an order and hashes without a line of Python.
    """

    venue: Venue
    environment: Environment

    def __str__(self) -> str:
        return f"{self.venue}/{self.environment}"


class PositionMode(StrEnum):
    """Whether an account nets a symbol into one position or holds a long and a short side by side."""

    ONE_WAY = "one_way"
    HEDGE = "hedge"
