"""Log lines: they carry the ids of the work at hand, and never a secret, however it gets there."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import structlog

from marketbot.observability.logs import MAX_FIELD_LENGTH, configure_logs, logger, register_secret, working_on
from marketbot.observability.redaction import MAX_REGISTERED, REDACTED, Redaction

CANARY = "canary-4f1d9c0b7e"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    found = io.StringIO()
    configure_logs(level="debug", stream=found)
    yield found
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_its_ids(stream: io.StringIO) -> None:
    with working_on(signal_id=7, account_id=9):
        with working_on(client_order_id="mbabc"):
            logger("test.ids").info("entry_sent", venue="bybit")
        logger("test.ids").warning("outer")
    logger("test.ids").info("outside")
    inner, outer, outside = lines(stream)
    assert inner["event"] == "entry_sent"
    assert inner["level"] == "info"
    assert (inner["signal_id"], inner["account_id"], inner["client_order_id"], inner["venue"]) == (7, 9, "mbabc", "bybit")
    assert "client_order_id" not in outer
    assert outer["signal_id"] == 7
    assert "signal_id" not in outside


async def test_ids_follow_a_task_and_do_not_mix(stream: io.StringIO) -> None:
    async def work(number: int) -> None:
        with working_on(account_id=number):
            await asyncio.sleep(0)
            logger("test.tasks").info("worked", expected=number)

    await asyncio.gather(*(work(number) for number in range(20)))
    assert all(line["account_id"] == line["expected"] for line in lines(stream))


@pytest.mark.parametrize(
    "fields",
    [
        {"secret": CANARY},
        {"api_key": CANARY},
        {"apiKey": CANARY},
        {"headers": {"X-MBX-APIKEY": CANARY, "X-BAPI-SIGN": CANARY}},
        {"request": {"deep": [{"hmac_key": CANARY}]}},
        {"url": f"https://fapi.binance.com/fapi/v1/order?symbol=BTCUSDT&signature={CANARY}"},
        {"path": f"/v1/webhook/room/{CANARY}"},
        {"note": f"Authorization: Bearer {CANARY}"},
        {"dsn": f"postgresql://marketbot:{CANARY}@db.example/marketbot"},
        {"body": '{"secret":"' + CANARY + '"}'},
        {"body": f"TOKEN={CANARY};SIGNAL=BUY"},
        {"error": ValueError(f"token={CANARY}")},
        {"password": CANARY.encode()},
        {"secret": [CANARY, {"x": CANARY}]},
    ],
    ids=range(14),
)
def test_a_secret_is_blacked_out_by_name_and_by_shape(stream: io.StringIO, fields: dict[str, Any]) -> None:
    logger("test.secrets").info("something_happened", **fields)
    assert CANARY not in stream.getvalue()
    assert REDACTED in stream.getvalue()


def test_a_registered_value_is_blacked_out_anywhere(stream: io.StringIO) -> None:
    value = "registered-b81c-value"
    register_secret(value)
    logger("test.registered").info("it was " + value, note=f"<{value}>", nested={value: [value]})
    logging.getLogger("somebody.elses").warning("they said %s", value)
    try:
        raise ValueError(f"it was {value}")
    except ValueError:
        logger("test.registered").exception("failed")
        logging.getLogger("somebody.elses").exception("failed")
    assert value not in stream.getvalue()
    assert len(lines(stream)) == 4
    assert "ValueError" in lines(stream)[2]["exception"]


def test_other_libraries_lines_take_the_same_way(stream: io.StringIO) -> None:
    logging.getLogger("asyncpg").warning("connection to %s lost", f"postgresql://u:{CANARY}@h/d")
    (line,) = lines(stream)
    assert line["logger"] == "asyncpg"
    assert CANARY not in stream.getvalue()


def test_a_long_field_is_cut(stream: io.StringIO) -> None:
    logger("test.long").info("long", text="x" * 1_000_000)
    assert len(stream.getvalue()) < MAX_FIELD_LENGTH + 500


def test_innocent_fields_stay_as_they_are(stream: io.StringIO) -> None:
    logger("test.innocent").info("kept", symbol="BTCUSDT", qty="0.5", accounts=3, ok=True, none=None, latency_ms=1.5)
    (line,) = lines(stream)
    kept = {name: line[name] for name in ("symbol", "qty", "accounts", "ok", "none", "latency_ms")}
    assert kept == {"symbol": "BTCUSDT", "qty": "0.5", "accounts": 3, "ok": True, "none": None, "latency_ms": 1.5}


def test_registered_values_are_bounded_and_short_ones_ignored() -> None:
    redaction = Redaction()
    for number in range(MAX_REGISTERED + 50):
        redaction.register(f"a-secret-value-{number}")
    redaction.register("short")
    assert f"{MAX_REGISTERED} of" in repr(redaction)
    assert redaction.text("short") == "short"
