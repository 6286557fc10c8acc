"""Whether a Bybit key may be used: it must trade contracts and must not move money. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marketbot.domain.key_reason import KeyReason
from marketbot.domain.venue import PositionMode
from marketbot.ports import KeyReading

_MOVES_MONEY = frozenset({"Withdraw", "AccountTransfer", "SubMemberTransfer", "SubMemberTransferList"})
_TRADES = frozenset({"Order", "Position"})


def read(result: Mapping[str, Any], mode: PositionMode) -> KeyReading:
    """Judge a key by query-api (Get API Key Information, 2026-07-24)."""
    permissions = result["permissions"]
    can_withdraw = bool(_MOVES_MONEY & set(permissions.get("Wallet") or ()))
    can_trade = result["readOnly"] == 0 and set(permissions.get("ContractTrade") or ()) >= _TRADES
    addresses = result.get("ips") or ["*"]
    problem = None
    if can_withdraw:
        problem = KeyReason.KEY_CAN_WITHDRAW
    elif not can_trade:
        problem = KeyReason.KEY_CANNOT_TRADE
    elif result.get("uta") != 1:
        problem = KeyReason.NOT_UNIFIED_ACCOUNT
    return KeyReading(
        can_trade,
        can_withdraw,
        mode,
        ip_restricted="*" not in addresses,
        expires_at=_expiry(result.get("expiredAt")),
        problem=problem,
    )


def _expiry(text: object) -> datetime | None:
    """Read when a key lapses; the venue sends 1970 for "never"."""
    if not isinstance(text, str) or not text:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None and at.year > 1970 else None
