"""A document -> a Signal or the reason why not. Pure; any document is answered and nothing raises."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from marketbot.domain.ids import Symbol
from marketbot.domain.reasons import RefusalReason
from marketbot.domain.signal import Signal
from marketbot.intake.actions import Command, read_phrase, read_strategy
from marketbot.intake.document import BodyShape, Document, Number
from marketbot.intake.numbers import read_lag, read_leverage, read_price
from marketbot.intake.refused import Refused
from marketbot.intake.symbols import read_symbol
from marketbot.intake.times import FUTURE_TOLERANCE_S, bar_closed_at, read_interval_s, read_time

MAX_FIELD_LENGTH = 256

_TEXT_FIELDS = ("signal", "action")
_SYMBOL_FIELDS = ("ticker", "symbol", "tv_instrument")
_PRICE_FIELDS = ("price", "close", "trigger_price", "order.price")
_KEY_FIELDS = ("dedup_key", "idempotency_key", "signal_id", "event_id", "id")
"""A sender's name for one signal: it alone tells a repeat."""
_TIMED_KEY_FIELDS = ("alert_id", "order_id", "strategy.order_id")
"""Names that stay the same from signal to signal; together with the body's time they name one."""
_STRATEGY = ("order_action", "market_position", "prev_market_position")


class _Refusal(Exception):
    """Carries a Refused out of the readers below; it never leaves this module."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(reason)
        self.refused = Refused(reason, detail)


def decode(document: Document, *, now: datetime, window_s: int, chart_interval_s: int | None = None) -> Signal | Refused:
    """Read a signal.

    ``window_s`` is how old an entry may be; a body's shorter ``max_lag`` counts instead. A close never expires.
    ``chart_interval_s`` is the source's: its ``time`` is when a bar opened, unless the body itself tells an interval.
    """
    try:
        if document.shape is BodyShape.WORDS:
            return _read_words(document.text)
        return _read_fields(_Fields(document.fields), now, window_s, chart_interval_s)
    except _Refusal as refusal:
        return refusal.refused


class _Fields:
    """A document's used fields as texts; the nested objects of strategy alerts are read as ``strategy.order_action``."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str) -> str | None:
        """Return a field's text (a number as it was written), None where it is absent or null."""
        value = self._fields.get(name)
        if value is None and "." in name:
            outer, _, inner = name.partition(".")
            # In other bodies ``strategy`` is a plain name.
            held = self._fields.get(outer)
            value = held.get(inner) if isinstance(held, dict) else None
        if value is None:
            return None
        if not isinstance(value, str):
            raise _Refusal(RefusalReason.FIELD_INVALID, f"{name} is neither text nor number")
        if len(value) > MAX_FIELD_LENGTH:
            raise _Refusal(RefusalReason.FIELD_INVALID, f"{name} is longer than {MAX_FIELD_LENGTH} characters")
        if "{{" in value:
            raise _Refusal(RefusalReason.PLACEHOLDER_UNREPLACED, f"{name} still holds a placeholder")
        return value

    def word(self, name: str) -> str | None:
        """Return a text field; a JSON number is not one."""
        value = self.text(name)
        if type(value) is Number:
            raise _Refusal(RefusalReason.FIELD_INVALID, f"{name} is a number and should be text")
        return value

    def first(self, names: tuple[str, ...]) -> str | None:
        return next((value for value in map(self.text, names) if value is not None), None)


def _read_fields(fields: _Fields, now: datetime, window_s: int, chart_interval_s: int | None) -> Signal | Refused:
    command = _command(fields)
    symbol = _symbol(fields)
    price = _price(fields)
    leverage_text = fields.text("leverage")
    leverage = None if leverage_text is None else read_leverage(leverage_text)
    if leverage_text is not None and leverage is None:
        raise _Refusal(RefusalReason.FIELD_INVALID, "leverage is no number above zero")
    order_type = fields.word("order_type")
    if order_type is not None and order_type.strip().lower() != "market":
        raise _Refusal(RefusalReason.FIELD_INVALID, "only market orders are traded")
    lag_text = fields.text("max_lag")
    max_lag_s = None if lag_text is None else read_lag(lag_text)
    if lag_text is not None and max_lag_s is None:
        raise _Refusal(RefusalReason.FIELD_INVALID, "max_lag is no whole number of seconds")
    sent_at, time_text = _sent_at(fields, now, chart_interval_s)
    if sent_at is not None:
        if sent_at > now + timedelta(seconds=FUTURE_TOLERANCE_S):
            raise _Refusal(RefusalReason.TIMESTAMP_INVALID, "the body's time lies in the future")
        allowed_s = window_s if max_lag_s is None else min(window_s, max_lag_s)
        if command.action.is_entry and now - sent_at > timedelta(seconds=allowed_s):
            raise _Refusal(
                RefusalReason.SIGNAL_EXPIRED, f"an entry may be {allowed_s} s old{_bar_hint(fields, chart_interval_s)}"
            )
    return Signal(
        action=command.action,
        symbol=symbol,
        strong=command.strong,
        price=price,
        leverage=leverage,
        sent_at=sent_at,
        max_lag_s=max_lag_s,
        dedup_key=_dedup_key(fields, command, symbol, time_text),
    )


def _command(fields: _Fields) -> Command:
    order_action, position, previous = (fields.word(f"strategy.{name}") or fields.word(name) for name in _STRATEGY)
    if order_action is not None or position is not None:
        order_action = order_action or fields.word("action")
        if order_action is None or position is None:
            raise _Refusal(RefusalReason.FIELD_MISSING, "a strategy's alert needs its order_action and its market_position")
        return _accepted(read_strategy(order_action, position, previous))
    texts = [text for text in map(fields.word, _TEXT_FIELDS) if text is not None]
    if not texts:
        raise _Refusal(RefusalReason.FIELD_MISSING, "a body needs its signal or action")
    commands = {_accepted(read_phrase(text)) for text in texts}
    if len({command.action for command in commands}) > 1:
        raise _Refusal(RefusalReason.FIELD_INVALID, "signal and action ask for different things")
    return max(commands, key=lambda command: command.strong)


def _accepted(found: Command | Refused) -> Command:
    if isinstance(found, Refused):
        raise _Refusal(found.reason, found.detail)
    return found


def _symbol(fields: _Fields) -> Symbol:
    texts = [text for text in map(fields.word, _SYMBOL_FIELDS) if text is not None]
    if not texts:
        raise _Refusal(RefusalReason.FIELD_MISSING, "a body needs its ticker or symbol")
    symbols = {read_symbol(text) for text in texts}
    if len(symbols) > 1:
        raise _Refusal(RefusalReason.FIELD_INVALID, "ticker and symbol name different instruments")
    (symbol,) = symbols
    if symbol is None:
        raise _Refusal(RefusalReason.SYMBOL_UNKNOWN, "the symbol is no perpetual's name")
    return symbol


def _price(fields: _Fields) -> Decimal | None:
    text = fields.first(_PRICE_FIELDS)
    if text is None:
        return None
    price = read_price(text)
    if price is None:
        raise _Refusal(RefusalReason.PRICE_INVALID, "the price is no number above zero that a market could show")
    return price


def _sent_at(fields: _Fields, now: datetime, chart_interval_s: int | None) -> tuple[datetime | None, str]:
    """Return when the sender spoke, and the text that told it. ``timenow`` is the moment itself; ``time`` may be a bar's."""
    for name in ("timenow", "timestamp", "time"):
        text = fields.text(name)
        if text is None:
            continue
        found = read_time(text)
        if found is None:
            raise _Refusal(RefusalReason.TIMESTAMP_INVALID, f"{name} is no time")
        interval = fields.first(("interval", "timeframe")) if name == "time" else None
        told_s = None if interval is None else read_interval_s(interval)
        interval_s = told_s or (chart_interval_s if name == "time" else None)
        return (found if interval_s is None else bar_closed_at(found, interval_s, now)), text
    return None, ""


def _bar_hint(fields: _Fields, chart_interval_s: int | None) -> str:
    """Say what most likely is wrong where all a body tells is ``time``: TradingView's is the moment its bar opened."""
    if chart_interval_s is not None or fields.first(("timenow", "timestamp", "interval", "timeframe")) is not None:
        return ""
    return "; {{time}} is when a bar opened: send {{timenow}} or {{interval}}, or tell the source's chart interval"


def _dedup_key(fields: _Fields, command: Command, symbol: Symbol, time_text: str) -> str | None:
    """Return the digest of what names this signal, None where only its body does.

    Action and symbol are part of it: a close that repeats its entry's id is still a close.
    """
    key = fields.first(_KEY_FIELDS)
    if key is None:
        key = fields.first(_TIMED_KEY_FIELDS) if time_text else None
        if key is None:
            return None
        key = f"{key}\n{time_text}"
    named = f"{command.action}\n{symbol}\n{key}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()


def _read_words(text: str) -> Signal | Refused:
    """Read ``SINAL LONG FORTE BTCUSDT.P @ 111245.6``; the price may be left out."""
    if "{{" in text:
        return Refused(RefusalReason.PLACEHOLDER_UNREPLACED, "the text still holds a placeholder")
    words, at, price_text = text.partition("@")
    phrase, _, name = words.strip().rpartition(" ")
    command = read_phrase(phrase)
    if isinstance(command, Refused):
        # "SINAL LONG" alone: the phrase is known, the instrument is what is missing.
        if not isinstance(read_phrase(words), Refused):
            return Refused(RefusalReason.FIELD_MISSING, "the text names no instrument")
        return command
    symbol = read_symbol(name)
    if symbol is None:
        return Refused(RefusalReason.SYMBOL_UNKNOWN, "the symbol is no perpetual's name")
    price = read_price(price_text) if at else None
    if at and price is None:
        return Refused(RefusalReason.PRICE_INVALID, "the price is no number above zero that a market could show")
    return Signal(action=command.action, symbol=symbol, strong=command.strong, price=price)
