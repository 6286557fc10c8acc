"""Read parameters as Binance does: query and body together, texts into numbers and words."""

import re
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote_plus

from simexchange.binance.errors import BinanceError, missing
from simexchange.engine.vocabulary import PositionSide, Side, TimeInForce

Params = dict[str, str]

DIGITS_MAX = 40
MAGNITUDE_MAX = 18
"""The power of ten of the largest and smallest number that is taken for one."""
_SIDES = {side.value: side for side in Side}
_POSITION_SIDES = {side.value: side for side in PositionSide}
_TIMES_IN_FORCE = {value.value: value for value in TimeInForce}
_CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")


def parse(query: str, body: bytes) -> Params:
    """Return the parameters of query and form body; the body's win."""
    params: Params = {}
    for text in (query, body.decode("utf-8", "replace")) if body else (query,):
        if not text:
            continue
        for pair in text.split("&"):
            name, _, value = pair.partition("=")
            params[name] = unquote_plus(value) if "%" in value or "+" in value else value
    return params


def required(params: Params, name: str) -> str:
    """Return a mandatory parameter or refuse with -1102."""
    value = params.get(name)
    if not value:
        raise missing(name)
    return value


def decimal(params: Params, name: str) -> Decimal | None:
    """Return a decimal parameter, None when absent; refuse what is no plain number."""
    text = params.get(name)
    if text is None or text == "":
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or len(text) > DIGITS_MAX or abs(value.adjusted()) > MAGNITUDE_MAX:
        raise BinanceError(-1100, f"Illegal characters found in parameter '{name}'.")
    return value


def integer(params: Params, name: str) -> int | None:
    """Return a whole number, None when absent."""
    text = params.get(name)
    if text is None or text == "":
        return None
    if not text.isdecimal() or len(text) > DIGITS_MAX:
        raise BinanceError(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(text)


def flag(params: Params, name: str) -> bool:
    """Return a boolean parameter, false when absent."""
    text = params.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise BinanceError(-1100, f"Illegal characters found in parameter '{name}'.")
    return text == "true"


def side(params: Params) -> Side:
    """Return the order side."""
    found = _SIDES.get(required(params, "side"))
    if found is None:
        raise BinanceError(-1117, "Invalid side.")
    return found


def position_side(params: Params) -> PositionSide:
    """Return the position side, BOTH when absent."""
    found = _POSITION_SIDES.get(params.get("positionSide") or "BOTH")
    if found is None:
        raise BinanceError(-1121, "Invalid positionSide.")
    return found


def time_in_force(params: Params) -> TimeInForce:
    """Return the time in force, GTC when absent."""
    found = _TIMES_IN_FORCE.get(params.get("timeInForce") or "GTC")
    if found is None:
        raise BinanceError(-1115, "Invalid timeInForce.")
    return found


def client_id(params: Params, name: str, made: str) -> str:
    """Return the client's own id, or the one made for it."""
    given = params.get(name)
    if not given:
        return made
    if len(given) > 36:
        raise BinanceError(-4015, "Client order id length should be less than 36 chars")
    if not _CLIENT_ID.match(given):
        raise BinanceError(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{{1,36}}$'."
        )
    return given
