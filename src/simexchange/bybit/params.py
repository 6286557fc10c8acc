"""Read parameters as Bybit does: a JSON object, or a query, into numbers and words."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote_plus

import orjson

from simexchange.bybit.errors import BybitError, param_error
from simexchange.engine.vocabulary import PositionSide, Side, TimeInForce

Params = dict[str, Any]

DIGITS_MAX = 40
MAGNITUDE_MAX = 18
"""The power of ten of the largest and smallest number that is taken for one."""
_LINK_ID = re.compile(r"^[A-Za-z0-9_-]{1,45}$")
_POSITION_SIDES = {0: PositionSide.BOTH, 1: PositionSide.LONG, 2: PositionSide.SHORT}
POSITION_INDEX = {side: index for index, side in _POSITION_SIDES.items()}
_TIMES_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "PostOnly": TimeInForce.GTX,
}


def parse(query: str, body: bytes) -> Params:
    """Return the parameters of a GET's query or a POST's JSON body."""
    if body:
        try:
            made = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise BybitError(10001, "Request parameter error.") from None
        if not isinstance(made, dict):
            raise BybitError(10001, "Request parameter error.")
        return made
    params: Params = {}
    if query:
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            params[name] = unquote_plus(value) if "%" in value or "+" in value else value
    return params


def category(params: Params) -> str:
    """Return the category; only linear is traded here."""
    found = text(params, "category")
    if found not in ("linear", "inverse", "spot", "option"):
        raise param_error("Illegal category")
    return found


def text(params: Params, name: str) -> str:
    """Return a text parameter, empty when absent."""
    value = params.get(name)
    return "" if value is None else str(value)


def required(params: Params, name: str) -> str:
    """Return a mandatory text parameter."""
    value = text(params, name)
    if not value:
        raise param_error(f"{name} is empty")
    return value


def decimal(params: Params, name: str) -> Decimal | None:
    """Return a decimal parameter, None when absent or empty; a JSON number is refused, as at the venue."""
    value = params.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > DIGITS_MAX:
        raise param_error(f"{name} invalid")
    try:
        made = Decimal(value)
    except InvalidOperation:
        raise param_error(f"{name} invalid") from None
    if not made.is_finite() or made < 0 or abs(made.adjusted()) > MAGNITUDE_MAX:
        raise param_error(f"{name} invalid")
    return made


def integer(params: Params, name: str, default: int) -> int:
    """Return a whole number."""
    value = params.get(name)
    if value is None or value == "":
        return default
    found = str(value)
    if not found.isdecimal() or len(found) > DIGITS_MAX:
        raise param_error(f"{name} invalid")
    return int(found)


def flag(params: Params, name: str) -> bool:
    """Return a boolean parameter, false when absent."""
    value = params.get(name)
    if value in (None, "", False, "false"):
        return False
    if value in (True, "true"):
        return True
    raise param_error(f"{name} invalid")


def side(params: Params) -> Side:
    """Return the order side."""
    found = text(params, "side")
    if found == "Buy":
        return Side.BUY
    if found == "Sell":
        return Side.SELL
    raise param_error("side invalid")


def position_side(params: Params) -> PositionSide:
    """Return the position that positionIdx means: 0 one-way, 1 long, 2 short."""
    found = _POSITION_SIDES.get(integer(params, "positionIdx", 0))
    if found is None:
        raise BybitError(10001, "position idx not match position mode")
    return found


def time_in_force(params: Params) -> TimeInForce:
    """Return the time in force, GTC when absent."""
    found = _TIMES_IN_FORCE.get(text(params, "timeInForce") or "GTC")
    if found is None:
        raise param_error("timeInForce invalid")
    return found


def link_id(params: Params) -> str:
    """Return the client's own order id, empty when absent."""
    found = text(params, "orderLinkId")
    if not found:
        return ""
    if len(found) > 45:
        raise BybitError(10001, "order link id is longer than 45")
    if not _LINK_ID.match(found):
        raise param_error("orderLinkId invalid")
    return found
