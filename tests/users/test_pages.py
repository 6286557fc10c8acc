"""Pages and what they hold: no row twice, none lost while others are written, cursors that are not believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.conftest import running
from tests.ports import free_port

from marketbot.accounts.api_token import make_token
from marketbot.api.paging import PAGE_MAX, ParameterInvalid, read_cursor, write_cursor
from marketbot.store.user_trades import IntentKey, PositionKey, ResultKey

from .faces import Faces

LISTS: dict[str, tuple[str, Any]] = {
    "/v1/accounts": ("accounts", lambda row: row["account_id"]),
    "/v1/signals": ("signals", lambda row: (row["signal_id"], row["account_id"])),
    "/v1/orders": ("orders", lambda row: (row["signal_id"], row["account_id"])),
    "/v1/positions": ("positions", lambda row: (row["account_id"], row["symbol"], row["side"])),
    "/v1/positions?closed=true": ("positions", lambda row: (row["account_id"], row["symbol"], row["side"])),
    "/v1/results": ("results", lambda row: (row["account_id"], row["closed_at"])),
}
EXPECTED = {
    "/v1/accounts": "SELECT count(*) FROM account WHERE user_id = 1",
    "/v1/signals": "SELECT count(*) FROM intent WHERE user_id = 1",
    "/v1/orders": "SELECT count(*) FROM intent WHERE user_id = 1 AND state = 'queued'",
    "/v1/positions": "SELECT count(*) FROM position WHERE user_id = 1 AND protection <> 'closed'",
    "/v1/positions?closed=true": "SELECT count(*) FROM position WHERE user_id = 1",
    "/v1/results": "SELECT count(*) FROM realized_result WHERE user_id = 1",
}
# What a busy system writes while somebody reads on: a new signal for everybody, its denial, a result, an account, a position.
MEANWHILE = """
INSERT INTO signal (source_id, dedup_key, action, symbol, body) VALUES (1, 'm{n}', 'open_long', 'BTCUSDT', '');
INSERT INTO intent (signal_id, account_id, user_id, lane, state, reason, planned_at)
SELECT max(signal_id), 1, 1, 1, 'denied', 'MAX_POSITIONS', clock_timestamp() FROM signal;
INSERT INTO intent (signal_id, account_id, user_id, lane, state, side, planned_at)
SELECT max(signal_id), 3, 1, 0, 'queued', 'long', clock_timestamp() FROM signal;
INSERT INTO realized_result VALUES (1, clock_timestamp(), 'BTCUSDT', 'long', 1, NULL, 1);
INSERT INTO account (user_id, label, venue, environment, api_key_sealed, api_secret_sealed, api_key_fingerprint)
VALUES (1, 'm{n}', 'bybit', 'mainnet', '', '', 'm{n}'::bytea);
INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, opened_at)
VALUES (1, 'AAA{n}', 'long', 1, 'naked', 1, 1, now())
"""


@pytest.mark.parametrize("limit", [1, 2, 7, PAGE_MAX])
async def test_every_row_comes_once(faces: Faces, limit: int) -> None:
    for path, (noun, key) in LISTS.items():
        rows = [key(row) for row in await faces.pages(path, noun, faces.ana, limit)]
        assert len(rows) == len(set(rows)) == await faces.store.fetchval(EXPECTED[path]), path


@pytest.mark.parametrize("path", LISTS)
async def test_none_is_lost_or_doubled_while_rows_are_written(faces: Faces, path: str) -> None:
    noun, key = LISTS[path]
    there = {key(row) for row in await faces.pages(path, noun, faces.ana, PAGE_MAX)}
    seen: list[Any] = []
    after = ""
    for number in range(100):
        answer = (await faces.get(f"{path}{'&' if '?' in path else '?'}limit=2{after}", faces.ana)).json
        seen += [key(row) for row in answer[noun]]
        if answer["next"] is None:
            break
        after = f"&after={answer['next']}"
        if number < 8:
            for statement in MEANWHILE.format(n=number).split(";\n"):
                await faces.store.execute(statement)
    assert answer["next"] is None
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


async def test_signals_tell_what_was_done_and_why_not(faces: Faces) -> None:
    rows = (await faces.get("/v1/signals", faces.ana, accept_language="pt-BR")).json["signals"]
    by_signal = {row["signal_id"]: row for row in rows}
    assert [row["signal_id"] for row in rows] == sorted((row["signal_id"] for row in rows), reverse=True)
    denied, closing, rejected = by_signal[9], by_signal[8], by_signal[7]
    assert (denied["became"], denied["reason"], denied["detail"]) == ("denied", "MAX_POSITIONS", "2 of 2")
    assert denied["text"].startswith("Você já tem o número máximo")
    assert (closing["became"], closing["reason"], closing["text"]) == ("pending", None, "")
    assert (rejected["became"], rejected["reason"]) == ("rejected", "KEY_INVALID")
    assert rejected["text"].startswith("A corretora recusou a chave")
    assert (rejected["source"], rejected["action"], rejected["symbol"]) == ("shared", "open_long", "BTCUSDT")
    assert (rejected["qty"], rejected["stop_price"], rejected["venue"]) == ("0.5", "98", "bybit")


async def test_orders_positions_and_results_as_they_stand(faces: Faces) -> None:
    answer = (await faces.get("/v1/orders?limit=200", faces.ana)).json
    assert answer["simulated"] is True
    entry = next(row for row in answer["orders"] if row["signal_id"] == 7)
    assert [(order["leg"], order["state"]) for order in entry["orders"]] == [("entry", "submitted"), ("stop_loss", "submitted")]
    (leave,) = next(row for row in answer["orders"] if row["signal_id"] == 8)["orders"]
    assert (leave["leg"], leave["client_order_id"]) == ("exit", f"8-{answer['orders'][0]['account_id']}")
    held = (await faces.get("/v1/positions", faces.ana)).json["positions"]
    assert {(row["symbol"], row["protection"], row["stop_price"]) for row in held} == {
        ("BTCUSDT", "protected", "98"),
        ("ETHUSDT", "protected", "98"),
    }
    results = (await faces.get("/v1/results", faces.ana)).json["results"]
    assert results[0]["result"] == "1.25"
    times = [row["closed_at"] for row in results]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "limit=1e2",
        "limit=",
        "after=",
        "after=%00",
        "after=AAAA",
        "after=W10",
        "after=" + "A" * 300,
    ],
)
async def test_what_cannot_be_asked(faces: Faces, query: str) -> None:
    for path in LISTS:
        answer = await faces.get(f"{path}{'&' if '?' in path else '?'}{query}", faces.ana)
        assert (answer.status, answer.json["reason"]) == (400, "PARAMETER_INVALID"), path
    assert (await faces.get("/v1/positions?closed=1", faces.ana)).status == 400


async def test_a_cursor_belongs_to_its_list(faces: Faces) -> None:
    of_signals = (await faces.get("/v1/signals?limit=1", faces.ana)).json["next"]
    assert (await faces.get(f"/v1/signals?after={of_signals}", faces.ana)).status == 200
    assert (await faces.get(f"/v1/orders?after={of_signals}", faces.ana)).status == 400
    # Somebody else's leads to a place in one's own rows.
    rows = (await faces.get(f"/v1/signals?after={of_signals}", faces.rui)).json["signals"]
    assert {row["account_id"] % 2 for row in rows} == {0}
    bad_side = write_cursor("positions", (1, "BTCUSDT", "sideways"))
    assert (await faces.get(f"/v1/positions?after={bad_side}", faces.ana)).status == 400


TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware by the strategy
IDS = st.integers(0, 2**63 - 1)
TEXTS = st.text(st.characters(categories=["L", "N"]), max_size=20)


@given(TIMES, IDS, IDS, TEXTS)
def test_a_cursor_comes_back_as_it_was(at: datetime, first: int, second: int, text: str) -> None:
    for noun, key, like in (
        ("signals", (at, first, second), IntentKey()),
        ("positions", (first, text, "long"), PositionKey()),
        ("results", (at, first, text, "short"), ResultKey()),
    ):
        cursor = write_cursor(noun, key)
        assert read_cursor({"after": cursor}, noun, like) == list(key)


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: write_cursor("signals", (raw.decode("latin-1"), 1, 2))))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        found = read_cursor({"after": text}, "signals", IntentKey())
    except ParameterInvalid:
        return
    assert [type(value) for value in found] == [datetime, int, int]


async def test_the_face_says_when_the_store_is_away(tmp_path: Path) -> None:
    async with running(f"postgresql://marketbot@127.0.0.1:{free_port()}/nowhere", tmp_path) as api:
        answer = await api.get("/v1/me", token=make_token(operator=False).text)
        assert (answer.status, answer.json["reason"]) == (503, "STORE_UNAVAILABLE")
        # The installation's own token needs no store: metrics are read when they are needed most.
        assert (await api.get("/metrics")).status == 200


def test_a_time_without_an_offset_is_no_place() -> None:
    naive = write_cursor("signals", ((datetime.now(UTC) - timedelta(days=1)).replace(tzinfo=None).isoformat(), 1, 1))
    with pytest.raises(ParameterInvalid):
        read_cursor({"after": naive}, "signals", IntentKey())
