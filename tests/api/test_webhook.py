"""A webhook from the outside: what is answered, and what is in the database afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from pathlib import Path

import asyncpg
import orjson
import pytest

from marketbot.api import webhook
from marketbot.intake.document import MAX_BODY_BYTES
from marketbot.store import sources
from marketbot.vault.vault import Vault

from .conftest import SECRET, Api, furnish, read_answer, running, until

BODIES = Path(__file__).parents[1] / "signals"
KEY = b"a program's own key, 32 bytes..."


def alert(**changes: object) -> bytes:
    return orjson.dumps({"ticker": "BTCUSDT.P", "signal": "SINAL LONG FORTE", "close": "111245.6", **changes})


def sign(body: bytes, at_s: float, key: bytes = KEY) -> dict[str, str]:
    stamp = str(int(at_s))
    signature = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x_marketbot_timestamp": stamp, "x_marketbot_signature": signature}


async def refusals(api: Api, count: int) -> list[asyncpg.Record]:
    """Wait until the log holds ``count`` rows: it is written behind the answers."""
    rows: list[asyncpg.Record] = []

    async def written() -> bool:
        rows[:] = await api.rows("SELECT * FROM refusal ORDER BY refusal_id")
        return len(rows) >= count

    await until(written)
    return rows


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


async def test_a_repeat_gets_the_firsts_answer(api: Api) -> None:
    first, *others = await asyncio.gather(*(api.post(alert()) for _ in range(8)))
    again = await api.post(b" " + alert() + b"\n")
    assert {answer.status for answer in (first, *others, again)} == {202}
    assert {answer.json["signal_id"] for answer in (first, *others)} == {again.json["signal_id"]}
    assert again.json == {"signal_id": first.json["signal_id"], "status": "accepted", "duplicate": True}
    assert len(await api.rows("SELECT 1 FROM signal")) == 1


@pytest.mark.parametrize("name", ["keyvalue.txt", "plain_text.txt", "pine_close_long.json", "threecommas.json"])
async def test_the_senders_own_bodies_in_their_own_way(api: Api, name: str) -> None:
    body = (BODIES / name).read_bytes().replace(b"REPLACE", SECRET.encode())
    # An entry's time is old in the file; a close may be old.
    body = body.replace(b'"timestamp":"2025-09-03T14:30:00Z",', b"")
    carried = SECRET.encode() in body
    kind = "application/json" if name.endswith("json") else "text/plain; charset=utf-8"
    answer = await api.post(body, secret=None if carried else SECRET, content_type=kind)
    assert answer.status == 202, answer.body
    (row,) = await api.rows("SELECT body FROM signal")
    assert SECRET not in row["body"]


async def test_a_secret_repeated_in_the_message_is_not_kept(api: Api) -> None:
    assert (await api.post(alert(comment=f"to {SECRET}"))).status == 202
    (row,) = await api.rows("SELECT body FROM signal")
    assert SECRET not in row["body"]


BAD = [
    (b"", 400, "BODY_EMPTY"),
    (b'{"ticker":"BTCUSDT","signal":"SINAL LO', 400, "BODY_MALFORMED"),
    (b"\xff\xfe{}", 400, "BODY_NOT_UTF8"),
    (b"[" * 5000, 400, "BODY_TOO_DEEP"),
    (b"x" * (MAX_BODY_BYTES + 1), 413, "BODY_TOO_LARGE"),
    (b"[1]", 400, "BODY_MALFORMED"),
    (alert(ticker=7), 422, "FIELD_INVALID"),
    (b'{"ticker":"BTCUSDT"}', 422, "FIELD_MISSING"),
    (alert(ticker="NOSUCHUSDT"), 422, "SYMBOL_UNKNOWN"),
    (alert(ticker="{{ticker}}"), 422, "PLACEHOLDER_UNREPLACED"),
    (alert(close="NaN"), 422, "PRICE_INVALID"),
    (alert(close="-1"), 422, "PRICE_INVALID"),
    (alert(signal="HOLD"), 422, "ACTION_UNKNOWN"),
    (alert(time="2025-09-03T14:30:00Z"), 409, "SIGNAL_EXPIRED"),
    (alert(time="2999-09-03T14:30:00Z"), 422, "TIMESTAMP_INVALID"),
]


async def test_bad_bodies_are_refused_with_a_reason_and_logged(api: Api) -> None:
    for body, status, reason in BAD:
        answer = await api.post(body)
        assert (answer.status, answer.json["reason"]) == (status, reason)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["title"]
    rows = await refusals(api, len(BAD))
    assert [row["reason"] for row in rows] == [reason for _, _, reason in BAD]
    assert await api.rows("SELECT 1 FROM signal") == []
    for (body, _, reason), row in zip(BAD, rows, strict=True):
        assert row["address"] == "127.0.0.1"
        if reason != "BODY_TOO_LARGE":
            assert row["body_sha256"] == hashlib.sha256(body.strip()).digest()
        assert SECRET not in str(dict(row))


async def test_unknown_source_and_wrong_secret_look_the_same(api: Api) -> None:
    answers = [
        await api.post(alert(), secret="wrong-secret-wrong-secret"),
        await api.post(alert(), source="nobody"),
        await api.post(alert(), source="nobody", secret=None),
        await api.post(alert(), secret=None),
        await api.post(alert(secret="wrong"), secret=None),
        await api.post(alert(secret=["a"]), secret=None),
        await api.post(alert(), source="nobody", secret=None, **sign(alert(), time.time())),
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert {row["source_id"] for row in await refusals(api, len(answers))} == {None}
    assert await api.rows("SELECT 1 FROM signal") == []


async def test_answers_come_in_the_callers_language(api: Api) -> None:
    english = await api.post(b"", accept_language="en-US,en;q=0.9")
    portuguese = await api.post(b"", accept_language="fr, pt-BR;q=0.9, en;q=0.1")
    assert english.json["title"] == "The alert's message is empty."
    assert portuguese.json["title"] == "A mensagem do alerta está vazia."
    assert english.json["reason"] == portuguese.json["reason"]


async def test_a_program_signs_its_bodies(database: str, tmp_path: Path) -> None:
    await furnish(database)
    sealed = Vault.from_file(tmp_path / "vault.key").seal(KEY, aad=sources.source_aad("program"))
    connection = await asyncpg.connect(database)
    await sources.create_program_source(connection, "program", sealed)
    await connection.close()
    body = alert()
    async with running(database, tmp_path) as api:
        now = time.time()
        first = await api.post(body, source="program", secret=None, **sign(body, now))
        replayed = await api.post(body, source="program", secret=None, **sign(body, now))
        stale = await api.post(body, source="program", secret=None, **sign(body, now - 60))
        forged = await api.post(body, source="program", secret=None, **sign(body, now, b"another key"))
        unsigned = await api.post(body, source="program", secret=None)
        changed = await api.post(body + b" ", source="program", secret=None, **sign(body, now))
    assert (first.status, replayed.status, replayed.json.get("duplicate")) == (202, 202, True)
    assert (stale.status, stale.json["reason"]) == (422, "TIMESTAMP_INVALID")
    assert {answer.status for answer in (forged, unsigned, changed)} == {401}


async def test_a_disabled_source_a_foreign_address_and_a_changed_secret(api: Api) -> None:
    assert (await api.post(alert(n=1))).status == 202
    await api.rows("UPDATE source SET enabled = false RETURNING 1")
    # At once, although the register may be a second old.
    assert (await api.post(alert(n=2))).json["reason"] == "SOURCE_DISABLED"
    await api.rows("UPDATE source SET enabled = true, allowed_addresses = '{192.0.2.0/24}' RETURNING 1")

    async def refused() -> bool:
        return bool((await api.post(alert(n=3))).json.get("reason") == "ADDRESS_NOT_ALLOWED")

    await until(refused)
    await api.rows("UPDATE source SET allowed_addresses = '{}', secret_sha256 = sha256('another-secret-of-the-room') RETURNING 1")

    async def moved() -> bool:
        return (await api.post(alert(n=4), secret="another-secret-of-the-room")).status == 202

    await until(moved)
    assert (await api.post(alert(n=5))).status == 401


async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(database: str, tmp_path: Path) -> None:
    await furnish(database)
    connection = await asyncpg.connect(database)
    await sources.set_allowed_addresses(connection, "room", ["192.0.2.0/24"])
    await connection.close()
    forwarded = {"x_forwarded_for": "203.0.113.9, 192.0.2.7"}
    async with running(database, tmp_path) as api:
        assert (await api.post(alert(), **forwarded)).status == 403
    async with running(database, tmp_path, trusted_proxies="127.0.0.0/8") as api:
        assert (await api.post(alert(), **forwarded)).status == 202
        assert (await api.post(alert(), x_forwarded_for="192.0.2.7, 203.0.113.9")).status == 403
        assert (await api.post(alert())).status == 403


async def test_the_limit_of_a_source(api: Api) -> None:
    await api.rows("UPDATE source SET signals_per_hour = 3 RETURNING 1")
    answers = [await api.post(alert(n=n)) for n in range(5)]
    assert [answer.status for answer in answers] == [202, 202, 202, 429, 429]
    assert answers[3].json["reason"] == "RATE_LIMIT_EXCEEDED"
    assert int(answers[3].headers["retry-after"]) >= 1
    assert [row["reason"] for row in await refusals(api, 2)] == ["RATE_LIMIT_EXCEEDED"] * 2


async def test_no_list_of_instruments_means_not_yet(api: Api) -> None:
    await api.rows("DELETE FROM known_symbol RETURNING 1")
    answer = await api.post(alert())
    assert (answer.status, answer.json["reason"]) == (503, "NOT_READY")
    assert int(answer.headers["retry-after"]) > 0


async def test_media_types(api: Api) -> None:
    for kind in ("application/json", "text/plain; charset=utf-8", "Application/JSON"):
        assert (await api.post(alert(), content_type=kind)).status == 202
    for kind in ("multipart/form-data; boundary=x", "image/png", "application/xml"):
        answer = await api.post(alert(), content_type=kind)
        assert (answer.status, answer.json["reason"]) == (415, "MEDIA_TYPE_UNSUPPORTED")


async def test_a_body_of_unknown_length_is_bounded_while_it_is_read(api: Api) -> None:
    head = f"POST /v1/webhook/room/{SECRET} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(head)
        # Just above the bound, and never ended: the answer must come all the same. (Sending on would race with the reset that
        # a server's close sends to who still talks.)
        for _ in range(MAX_BODY_BYTES // 4096 + 1):
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()
        answer = await read_answer(reader)
        writer.close()
    assert (answer.status, answer.json["reason"]) == (413, "BODY_TOO_LARGE")


async def test_a_slow_sender_is_not_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "BODY_TIMEOUT_S", 0.2)
    head = f"POST /v1/webhook/room/{SECRET} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode()
    answer = await api.raw(head)
    assert (answer.status, answer.json["reason"]) == (408, "BODY_TOO_SLOW")


async def test_a_connection_serves_many_signals(api: Api) -> None:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        for number in range(5):
            body = alert(n=number)
            head = f"POST /v1/webhook/room/{SECRET} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            assert (await read_answer(reader)).status == 202
        writer.close()
