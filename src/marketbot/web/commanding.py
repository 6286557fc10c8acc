"""What somebody at the console wants commanded, read from an address or a form into one value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlencode

from marketbot.controls.commanding import normalize_symbol
from marketbot.controls.errors import ControlRefused
from marketbot.controls.halt import KEY_MAX_CHARS, normalize_key
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.domain.venue import Environment


class Deed(StrEnum):
    """What is done; a halt in its two strengths."""

    HALT = "halt"
    REDUCE = "reduce"
    CLOSE = "close"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Wish:
    """``key`` is as it is stored; ``symbol`` narrows a close to one instrument."""

    deed: Deed
    scope: Scope
    key: str
    symbol: str = ""

    @property
    def state(self) -> TradingState:
        return TradingState.REDUCING if self.deed is Deed.REDUCE else TradingState.HALTED

    @property
    def needs_word(self) -> bool:
        """Tell whether a word has to be typed: for everything, and for all real money."""
        return self.scope is Scope.EVERYTHING or (self.scope is Scope.ENVIRONMENT and self.key == Environment.MAINNET)

    def path(self) -> str:
        """Return the address where what it would touch is shown."""
        fields = {"deed": self.deed.value, "scope": self.scope.value, "key": self.key, "symbol": self.symbol}
        return f"/operator/controls/preview?{urlencode({name: text for name, text in fields.items() if text})}"


def read_wish(fields: Mapping[str, str]) -> tuple[Wish | None, dict[str, str]]:
    """Return what is wanted, or by field the texts of what is wrong with it."""
    try:
        deed, scope = Deed(fields.get("deed", "")), Scope(fields.get("scope", ""))
    except ValueError:
        return None, {"scope": "fault.invalid"}
    typed = fields.get("symbol", "").strip() if deed is Deed.CLOSE else ""
    wish = Wish(deed, scope, "")
    try:
        wish = replace(wish, key=normalize_key(scope, fields.get("key", "")[: KEY_MAX_CHARS + 1]))
    except ControlRefused:
        return None, {"key": "fault.no_key" if scope is Scope.EVERYTHING else f"key_fault.{scope.value}"}
    try:
        return replace(wish, symbol=normalize_symbol(typed) or "" if typed else ""), {}
    except ControlRefused:
        return None, {"symbol": "key_fault.instrument"}
