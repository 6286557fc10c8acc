"""Take and cancel up to five orders in one request; each stands alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from simexchange.binance import orders
from simexchange.binance import params as read
from simexchange.binance.call import Call
from simexchange.binance.errors import BinanceError, from_refusal
from simexchange.engine.refusal import RefusedError

BATCH_MAX = 5
CANCEL_BATCH_MAX = 10


def place(call: Call) -> list[dict[str, Any]]:
    """POST /fapi/v1/batchOrders."""
    return [_try(orders.place, replace(call, params=one)) for one in _batch(call)]


def amend(call: Call) -> list[dict[str, Any]]:
    """PUT /fapi/v1/batchOrders."""
    return [_try(orders.amend, replace(call, params=one)) for one in _batch(call)]


def cancel(call: Call) -> list[dict[str, Any]]:
    """DELETE /fapi/v1/batchOrders: by lists of ids."""
    symbol = read.required(call.params, "symbol")
    made = []
    for name, field in (("orderIdList", "orderId"), ("origClientOrderIdList", "origClientOrderId")):
        if call.params.get(name):
            ids = _json_list(call, name)
            if len(ids) > CANCEL_BATCH_MAX:
                raise BinanceError(-4082, "Invalid number of batch place orders.")
            made += [_try(orders.cancel, replace(call, params={"symbol": symbol, field: str(one)})) for one in ids]
    return made


def _try(run: Callable[[Call], dict[str, Any]], call: Call) -> dict[str, Any]:
    try:
        return run(call)
    except (BinanceError, RefusedError) as error:
        refusal = from_refusal(error) if isinstance(error, RefusedError) else error
        return {"code": refusal.code, "msg": refusal.msg}


def _batch(call: Call) -> list[read.Params]:
    batch = _json_list(call, "batchOrders")
    if not 1 <= len(batch) <= BATCH_MAX or not all(isinstance(one, dict) for one in batch):
        raise BinanceError(-4082, "Invalid number of batch place orders.")
    return [{name: _text(value) for name, value in one.items()} for one in batch]


def _json_list(call: Call, name: str) -> list[Any]:
    try:
        made = orjson.loads(read.required(call.params, name))
    except orjson.JSONDecodeError:
        made = None
    if not isinstance(made, list):
        raise BinanceError(-1130, f"Data sent for parameter '{name}' is not valid.")
    return made


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
