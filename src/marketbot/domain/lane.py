"""The priority classes of orders. A lower number always goes first."""

from __future__ import annotations

from enum import IntEnum

from marketbot.domain.venue import Environment


class Lane(IntEnum):
    """Strict: whatever reduces risk, then real money, then practice."""

    RISK_REDUCING = 0
    MAINNET = 1
    TESTNET = 2


def entry_lane(environment: Environment) -> Lane:
    """Return the lane an entry travels in. Nothing else about an account can lift it."""
    return Lane.MAINNET if environment is Environment.MAINNET else Lane.TESTNET
