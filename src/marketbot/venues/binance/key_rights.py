"""Whether a Binance key may be used: it must trade futures and must not move money. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketbot.domain.venue import PositionMode
from marketbot.ports import KeyReading

_MOVES_MONEY = ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")


def read(config: Mapping[str, Any], rights: Mapping[str, Any] | None) -> KeyReading:
    """Judge a key by its account's futures configuration and, on mainnet, by its own rights.

    Sources: Futures Account Configuration; Wallet, Get API Key Permission (2026-05-28).
    """
    mode = PositionMode.HEDGE if config["dualSidePosition"] else PositionMode.ONE_WAY
    can_trade = bool(config["canTrade"])
    can_withdraw, ip_restricted = False, None
    if rights is not None:
        can_trade = can_trade and bool(rights["enableFutures"])
        can_withdraw = any(rights.get(name, False) for name in _MOVES_MONEY)
        ip_restricted = bool(rights["ipRestrict"])
    problem = None
    if can_withdraw:
        problem = "the key may withdraw or transfer money; make one that may only trade futures"
    elif not can_trade:
        problem = "the key may not trade futures"
    elif config.get("multiAssetsMargin"):
        problem = "the account uses multi-assets margin; isolated positions need single-asset mode"
    return KeyReading(can_trade, can_withdraw, mode, ip_restricted=ip_restricted, problem=problem)
