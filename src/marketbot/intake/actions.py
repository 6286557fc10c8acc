"""The words of senders -> what they ask for. Pure, and closed: a text that is not in the table is refused."""

from __future__ import annotations

from dataclasses import dataclass

from marketbot.domain.reasons import RefusalReason
from marketbot.domain.signal import Action
from marketbot.intake.refused import Refused


@dataclass(frozen=True, slots=True)
class Command:
    action: Action
    strong: bool = False


_OPEN_LONG = Command(Action.OPEN_LONG)
_OPEN_SHORT = Command(Action.OPEN_SHORT)
_CLOSE_LONG = Command(Action.CLOSE_LONG)
_CLOSE_SHORT = Command(Action.CLOSE_SHORT)

PHRASES: dict[str, Command] = {
    "SINAL LONG FORTE": Command(Action.OPEN_LONG, strong=True),
    "SINAL SHORT FORTE": Command(Action.OPEN_SHORT, strong=True),
    "SINAL LONG": _OPEN_LONG,
    "SINAL SHORT": _OPEN_SHORT,
    "FECHE LONG": _CLOSE_LONG,
    "FECHE SHORT": _CLOSE_SHORT,
    "STRONG BUY": Command(Action.OPEN_LONG, strong=True),
    "STRONG SELL": Command(Action.OPEN_SHORT, strong=True),
    "BUY": _OPEN_LONG,
    "SELL": _OPEN_SHORT,
    "LONG": _OPEN_LONG,
    "SHORT": _OPEN_SHORT,
    "OPEN LONG": _OPEN_LONG,
    "OPEN SHORT": _OPEN_SHORT,
    "CLOSE LONG": _CLOSE_LONG,
    "CLOSE SHORT": _CLOSE_SHORT,
    "CLOSE ALL": Command(Action.CLOSE_ALL),
    "FLAT": Command(Action.CLOSE_ALL),
    # 3Commas' signal bot (help centre, "Signal Bot: JSON file for custom signals").
    "ENTER LONG": _OPEN_LONG,
    "ENTER SHORT": _OPEN_SHORT,
    "EXIT LONG": _CLOSE_LONG,
    "EXIT SHORT": _CLOSE_SHORT,
}


def read_phrase(text: str) -> Command | Refused:
    """Look a text up, whatever its case and whether blanks or underscores part its words."""
    found = PHRASES.get(" ".join(text.upper().replace("_", " ").split()))
    return found or Refused(RefusalReason.ACTION_UNKNOWN, "the signal's text is not one that is traded")


def read_strategy(order_action: str, market_position: str, prev_market_position: str | None) -> Command | Refused:
    """Read a TradingView strategy's order: the position it leads to decides, not the order's direction.

    A sell that ends flat closes the long it came from; a buy that ends long opens one, also when it turns a short around. An
    order that makes a position smaller without closing it asks for something we do not trade.
    """
    action, position = order_action.strip().lower(), market_position.strip().lower()
    previous = None if prev_market_position is None else prev_market_position.strip().lower()
    sides = ("long", "short", "flat")
    if action not in ("buy", "sell") or position not in sides or previous not in (None, *sides):
        return Refused(RefusalReason.ACTION_UNKNOWN, "the strategy's order or position is none that TradingView documents")
    if position == "flat":
        if previous in ("long", "short"):
            return _CLOSE_LONG if previous == "long" else _CLOSE_SHORT
        return _CLOSE_LONG if action == "sell" else _CLOSE_SHORT
    if (action == "buy") is (position == "long"):
        return _OPEN_LONG if position == "long" else _OPEN_SHORT
    return Refused(RefusalReason.ACTION_UNKNOWN, "the order makes a position smaller without closing it")
