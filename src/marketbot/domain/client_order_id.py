"""The client order id: a name for an order that is known before it is sent and never used twice.

It is a pure function of the installation, the signal, the account, the leg and the attempt, so a process that starts over
writes the same name. Bybit wants ids "always unique" across time (venues/bybit.md), so the installation's own tag, drawn
once when the database is made, stands in front. Only letters and digits are used, 24 of them: OKX takes 32 alphanumerics,
Binance and Bybit 36.
"""

from __future__ import annotations

from functools import lru_cache

from marketbot.domain.ids import AccountId, ClientOrderId, SignalId
from marketbot.domain.side import Leg

PREFIX = "mb"
TAG_LENGTH = 6
MAX_ATTEMPT = 35
"""The attempt is one base-36 digit; it grows only after a venue's definite refusal."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SIGNAL_PAIRS = 4
_ACCOUNT_PAIRS = 3
_LEG_LETTER = {Leg.ENTRY: "e", Leg.STOP_LOSS: "s", Leg.TAKE_PROFIT: "t", Leg.EXIT: "x", Leg.EMERGENCY_EXIT: "m"}
_ENDING = {(leg, attempt): letter + _DIGITS[attempt] for leg, letter in _LEG_LETTER.items() for attempt in range(MAX_ATTEMPT + 1)}


_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)


@lru_cache(maxsize=4_096)  # an id is made when it is planned and again when it is sent, and a signal's number is the same for all
def _base36(number: int, pairs: int) -> str:
    """Write ``number`` in ``pairs`` pairs of digits."""
    text = ""
    for _ in range(pairs):
        number, pair = divmod(number, 1296)
        text = _PAIRS[pair] + text
    if number:
        raise OverflowError("the number does not fit the client order id")
    return text


def client_order_stem(tag: str, signal_id: SignalId, account_id: AccountId) -> str:
    """Return what the ids of one intent's orders begin with."""
    return f"{PREFIX}{tag}{_base36(signal_id, _SIGNAL_PAIRS)}{_base36(account_id, _ACCOUNT_PAIRS)}"


def client_order_id(stem: str, leg: Leg, attempt: int = 0) -> ClientOrderId:
    """Return the id of one leg's order; ``attempt`` counts from 0."""
    ending = _ENDING.get((leg, attempt))
    if ending is None:
        raise OverflowError("too many attempts at one leg")
    return ClientOrderId(stem + ending)


def is_ours(text: str, tag: str) -> bool:
    """Tell whether a venue's order was placed by this installation."""
    return text.startswith(PREFIX + tag)
