"""A webhook from the outside: what is answered, and what is in the database afterwards."""

from __future__ import annotations

import orjson

from .conftest import Api


def alert(**changes: object) -> bytes:
    return orjson.dumps({"ticker": "BTCUSDT.P", "signal": "SINAL LONG FORTE", "close": "111245.6", **changes})


async def test_an_accepted_signal_is_committed_before_it_is_answered(api: Api) -> None:
    answer = await api.post(alert())
    assert answer.status == 202, answer.body
    assert answer.json["status"] == "accepted"
    (row,) = await api.rows("SELECT signal_id, action, symbol, strong, price::text, state FROM signal")
    assert dict(row) == {
        "signal_id": answer.json["signal_id"],
        "action": "open_long",
        "symbol": "BTCUSDT",
        "strong": True,
        "price": "111245.6",
        "state": "accepted",
    }
