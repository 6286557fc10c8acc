"""Whatever JSON comes back, a reader either understands it or raises one of the errors that its client turns into "unknown"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.domain.execution_report import OrderReport
from marketbot.domain.ids import ClientOrderId
from marketbot.venues.binance import decode as binance
from marketbot.venues.bybit import decode as bybit
from marketbot.venues.ccxt import decode as ccxt
from marketbot.venues.ccxt.errors import AnswerRefused, by_binance_code, by_bybit_code, by_exception_name

ID = ClientOrderId("mine")
_NUMBERS = st.sampled_from(["1", "0", "-1", "NaN", "Infinity", "", "1e999", "0.10", "x"])
_WORDS = st.sampled_from(["FILLED", "NEW", "Filled", "closed", "mine", "BTCUSDT", "LONG", "Buy", "long", "BTC/USDT:USDT"])
_FIELDS = st.sampled_from(
    [
        *(
            "clientOrderId",
            "executedQty",
            "avgPrice",
            "status",
            "orderId",
            "clientAlgoId",
            "algoStatus",
            "algoId",
            "triggerPrice",
        ),
        *("orderLinkId", "orderStatus", "cumExecQty", "symbol", "side", "size", "positionAmt", "entryPrice", "stopLoss", "list"),
        *("filled", "amount", "average", "id", "contracts", "symbols", "asset", "balance", "availableBalance", "coin", "price"),
    ]
)
_json: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _NUMBERS, _WORDS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_FIELDS, inner, max_size=12)),
    max_leaves=20,
)
_MARKETS: dict[str, Any] = {
    "BTC/USDT:USDT": {"id": "BTCUSDT", "swap": True, "linear": True, "base": "BTC", "quote": "USDT", "settle": "USDT"}
}

READERS: dict[str, Callable[[Any], object]] = {
    "binance order": lambda body: binance.order(body, ID),
    "binance algo order": lambda body: binance.algo_order(body, ID),
    "binance positions": binance.positions,
    "binance balance": binance.balance,
    "binance instruments": binance.instruments,
    "binance prices": binance.prices,
    "bybit acknowledgement": lambda body: bybit.acknowledgement(body, ID),
    "bybit order": lambda body: bybit.order(body, ID),
    "bybit positions": bybit.positions,
    "bybit balance": bybit.balance,
    "bybit instruments": bybit.instruments,
    "bybit prices": bybit.prices,
    "ccxt order": lambda body: ccxt.order(body, ccxt.decimal("1")),
    "ccxt positions": lambda body: ccxt.positions(body, _MARKETS, on_position=True),
    "ccxt balance": ccxt.balance,
    "ccxt instruments": ccxt.instruments,
}


@pytest.mark.parametrize("name", READERS)
@given(body=_json)
def test_reader_understands_or_says_so(name: str, body: Any) -> None:
    try:
        found = READERS[name](body)
    except binance.BAD_SHAPE:
        return
    if isinstance(found, OrderReport):
        assert found.filled_qty.is_finite()
        assert found.average_price.is_finite()


# What CCXT raises for an exchange we have no table for: the names of its own classes, in its own order of inheritance.
_CCXT_ERROR = type("BaseError", (Exception,), {})
_EXCHANGE_ERROR = type("ExchangeError", (_CCXT_ERROR,), {})
_OPERATION_FAILED = type("OperationFailed", (_CCXT_ERROR,), {})
_NETWORK_ERROR = type("NetworkError", (_OPERATION_FAILED,), {})
_TIMEOUT = type("RequestTimeout", (_NETWORK_ERROR,), {})
_FUNDS = type("InsufficientFunds", (_EXCHANGE_ERROR,), {})


@pytest.mark.parametrize(
    ("status", "body", "cause", "expected"),
    [
        (200, {"code": "1"}, _FUNDS("no money"), "funds"),
        (400, {"code": "1"}, _FUNDS("no money"), "funds"),
        (500, {"code": "1"}, _FUNDS("no money"), "ambiguous"),
        (400, "<html>", _FUNDS("no money"), "ambiguous"),
        (200, {"code": "50004"}, _TIMEOUT("success or failure unknown"), "ambiguous"),
        (200, {"code": "77"}, _EXCHANGE_ERROR("a code CCXT does not know"), "ambiguous"),
        (400, {"code": "77"}, _EXCHANGE_ERROR("a code CCXT does not know"), "refused"),
        (429, "", None, "egress_rate"),
    ],
)
def test_unknown_exchange_is_definite_only_when_everything_is_clear(
    status: int, body: Any, cause: Exception | None, expected: str
) -> None:
    assert by_exception_name(AnswerRefused(status, body, None, cause)).error_class == expected


@given(status=st.integers(500, 599), body=_json)
def test_server_errors_through_ccxt_are_ambiguous(status: int, body: Any) -> None:
    for classify in (by_binance_code, by_bybit_code, by_exception_name):
        assert classify(AnswerRefused(status, body, None, _FUNDS("no money"))).error_class == "ambiguous"
