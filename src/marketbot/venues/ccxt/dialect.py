"""What must be said differently to the exchanges that we have tested, and what is assumed of all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from marketbot.domain.ids import ClientOrderId
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.venue import PositionMode
from marketbot.ports import VenueTraits
from marketbot.venues.ccxt.errors import Classify, by_binance_code, by_bybit_code, by_exception_name


class ProtectionForm(StrEnum):
    """How a stop or target is placed."""

    CLOSING_TRIGGER = "closing_trigger"
    """A conditional order that closes whatever the position then is."""
    ON_POSITION = "on_position"
    """A property of the position."""
    SIZED_TRIGGER = "sized_trigger"
    """A reduce-only conditional order over the position's size now."""


class LookUp(StrEnum):
    """How an order is found by its client order id."""

    FETCH_ORDER = "fetch_order"
    LISTS = "lists"
    """In the lists of open and of past orders, which the exchange filters by the id."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One exchange's ways. ``one_way`` and ``hedged`` are the order parameters that name the position's side."""

    traits: VenueTraits
    protection: ProtectionForm
    look_up: LookUp
    classify: Classify
    client_order_id_key: str = "clientOrderId"
    side_params: Callable[[PositionSide, PositionMode], dict[str, Any]] = field(default=lambda _side, _mode: {})
    options: Mapping[str, Any] = field(default_factory=dict)
    cheap_markets: Mapping[str, Any] = field(default_factory=dict)
    """Overrides of the instance that keep loading its markets to the requests we need."""

    def find_params(self, client_order_id: ClientOrderId, leg: Leg) -> dict[str, Any]:
        """Return the parameters that look an order up; a resting conditional order lives in a place of its own."""
        params: dict[str, Any] = {self.client_order_id_key: client_order_id}
        if leg.is_protective:
            params["trigger"] = True
        return params


def _binance_side(side: PositionSide, mode: PositionMode) -> dict[str, Any]:
    return {"positionSide": side.upper()} if mode is PositionMode.HEDGE else {}


def _bybit_side(side: PositionSide, mode: PositionMode) -> dict[str, Any]:
    if mode is PositionMode.ONE_WAY:
        return {"positionIdx": 0}
    return {"positionIdx": 1 if side is PositionSide.LONG else 2}


def _any_side(_side: PositionSide, mode: PositionMode) -> dict[str, Any]:
    return {"hedged": True} if mode is PositionMode.HEDGE else {}


BINANCE = Dialect(
    # CCXT sends an attached stop as a field that Binance ignores: stop and target must be orders of their own.
    traits=VenueTraits(attaches_protection=False, entry_reply_is_final=True, id_is_idempotent=False),
    protection=ProtectionForm.CLOSING_TRIGGER,
    look_up=LookUp.FETCH_ORDER,
    classify=by_binance_code,
    side_params=_binance_side,
    options={"fetchCurrencies": False, "fetchMargins": False},
)

BYBIT = Dialect(
    traits=VenueTraits(attaches_protection=True, entry_reply_is_final=False, id_is_idempotent=True),
    protection=ProtectionForm.ON_POSITION,
    look_up=LookUp.LISTS,
    classify=by_bybit_code,
    client_order_id_key="orderLinkId",
    side_params=_bybit_side,
    options={
        "fetchMarkets": {"types": ["linear"]},
        "enableUnifiedMargin": False,
        "enableUnifiedAccount": True,
        "unifiedMarginStatus": 6,
    },
)

ANY = Dialect(
    # The careful assumptions: nothing rides on the entry, the reply proves nothing, an id may be used twice.
    traits=VenueTraits(attaches_protection=False, entry_reply_is_final=False, id_is_idempotent=False),
    protection=ProtectionForm.SIZED_TRIGGER,
    look_up=LookUp.FETCH_ORDER,
    classify=by_exception_name,
    side_params=_any_side,
)

_BY_EXCHANGE = {"binanceusdm": BINANCE, "bybit": BYBIT}


def dialect_of(exchange_id: str) -> Dialect:
    """Return an exchange's dialect; one that nobody has tested gets the careful one."""
    return _BY_EXCHANGE.get(exchange_id, ANY)
