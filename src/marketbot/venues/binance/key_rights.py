"""Whether a Binance key may be used: it must trade futures and must not move money. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marketbot.domain.key_reason import KeyReason
from marketbot.domain.venue import PositionMode
from marketbot.ports import KeyReading

_MOVES_MONEY = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")


def read(config: Mapping[str, Any], rights: Mapping[str, Any] | None) -> KeyReading:
    """Judge a key by its account's futures configuration and, on mainnet, by its own rights.

    Sources: Futures Account Configuration; Wallet, Get API Key Permission (2026-05-28).
    """
    mode = PositionMode.HEDGE if config["dualSidePosition"] else PositionMode.ONE_WAY
    can_trade = bool(config["canTrade"])
    can_withdraw, ip_restricted, expires_at = False, None, None
    if rights is not None:
        can_trade = can_trade and bool(rights["enableFutures"])
        can_withdraw = any(rights.get(name, False) for name in _MOVES_MONEY)
        ip_restricted = bool(rights["ipRestrict"])
        expires_at = _expiry(rights)
    problem = None
    if can_withdraw:
        problem = KeyReason.KEY_CAN_WITHDRAW
    elif not can_trade:
        problem = KeyReason.KEY_CANNOT_TRADE
    elif config.get("multiAssetsMargin"):
        problem = KeyReason.MULTI_ASSETS_MODE
    return KeyReading(can_trade, can_withdraw, mode, ip_restricted=ip_restricted, expires_at=expires_at, problem=problem)


def _expiry(rights: Mapping[str, Any]) -> datetime | None:
    """Read when the right to trade lapses: told, in milliseconds, of keys that have an end (those without a list of addresses)."""
    told = rights.get("tradingAuthorityExpirationTime")
    return datetime.fromtimestamp(int(told) / 1000, UTC) if told else None
