"""Whatever a client sends, the faces answer: a refusal with a code, never a crash."""

import hmac
import json
import time
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simexchange import Config, Simulator
from simexchange.bybit.routes import ROUTES
from simexchange.engine.account import Account
from simexchange.engine.vocabulary import Environment, Venue
from simexchange.wire.http import Fate, Request
from simexchange.world import Face

_KEY, _SECRET = "key", b"secret"
_NUMBERS = st.sampled_from(["0", "-1", "0.01", "1", "110000", "1e30", "1e-30", "1E5", "NaN", "inf", "", "0x1", "٣"])
_WORDS = st.sampled_from(["BTCUSDT", "XRPUSDT", "BUY", "SELL", "Buy", "Sell", "MARKET", "LIMIT", "Market", "true", "1", "2"])
_VALUES = st.one_of(_NUMBERS, _WORDS, st.text(max_size=8))
_ORDER_NAMES = ["symbol", "side", "price", "reduceOnly", "positionSide", "positionIdx", "triggerPrice", "limit"]
_NAMES = {
    Venue.BINANCE: [
        *(*_ORDER_NAMES, "type", "quantity", "timeInForce", "newClientOrderId", "orderId", "origClientOrderId"),
        *("algoType", "closePosition", "clientAlgoId", "algoId", "leverage", "marginType", "dualSidePosition"),
        "batchOrders",
    ],
    Venue.BYBIT: [
        *(*_ORDER_NAMES, "category", "orderType", "qty", "orderLinkId", "orderId", "triggerDirection", "stopLoss"),
        *("takeProfit", "closeOnTrigger", "buyLeverage", "sellLeverage", "mode", "cursor", "request"),
    ],
}


def _face(venue: Venue) -> Face:
    simulator = Simulator(Config(limits_real=False))
    face = simulator.world.faces[(venue, Environment.MAINNET)]
    face.market.add_account(Account(1, "garbage", _KEY, _SECRET, Decimal(1000)))
    return face


FACES = {venue: _face(venue) for venue in Venue}


def _params(venue: Venue) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(_NAMES[venue]), _VALUES, max_size=12)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_binance_answers_everything(data: st.DataObject) -> None:
    face: Any = FACES[Venue.BINANCE]
    method, path = data.draw(st.sampled_from(sorted(face._routes)))
    likely = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "algoType": "CONDITIONAL"}
    params = {**(likely if data.draw(st.booleans()) else {}), **data.draw(_params(Venue.BINANCE))}
    body = "&".join(f"{name}={value}" for name, value in params.items()) + f"&timestamp={int(time.time() * 1000)}"
    raw = body.encode("utf-8", "replace")
    raw += b"&signature=" + hmac.digest(_SECRET, raw, "sha256").hex().encode()
    reply = face.respond(Request(method, path, "", {"x-mbx-apikey": _KEY}, raw, "127.0.0.1"))
    assert reply.fate is Fate.SEND
    assert reply.status == 200 or json.loads(reply.body)["code"] < 0


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_bybit_answers_everything(data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from(sorted(ROUTES)))
    likely = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01"}
    params: dict[str, Any] = {**(likely if data.draw(st.booleans()) else {}), **data.draw(_params(Venue.BYBIT))}
    if data.draw(st.booleans()):
        params["request"] = data.draw(st.lists(st.one_of(st.none(), _params(Venue.BYBIT)), max_size=3))
    body = json.dumps(params).encode() if method == "POST" else b""
    query = "" if body else "&".join(f"{name}={value}" for name, value in params.items())
    query = query.encode("utf-8", "replace").decode("latin-1")
    stamp = str(int(time.time() * 1000))
    signed = f"{stamp}{_KEY}5000".encode() + (body or query.encode("latin-1"))
    headers = {
        "x-bapi-api-key": _KEY,
        "x-bapi-timestamp": stamp,
        "x-bapi-recv-window": "5000",
        "x-bapi-sign": hmac.digest(_SECRET, signed, "sha256").hex(),
    }
    reply = FACES[Venue.BYBIT].respond(Request(method, path, query, headers, body, "127.0.0.1"))
    assert (reply.status, reply.fate) == (200, Fate.SEND)
    assert json.loads(reply.body)["retMsg"]
