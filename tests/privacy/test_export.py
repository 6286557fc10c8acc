"""An export is whole, one's own, and holds nothing that opens anything."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import Any

import orjson
import pytest
from tests.api.conftest import TOKEN
from tests.people.conftest import PASSWORD

from marketbot.api import exports
from marketbot.clock import SystemClock
from marketbot.domain.person import Locale
from marketbot.privacy import archive
from marketbot.privacy.archive import About, Archive
from marketbot.store import personal_pages
from marketbot.store.personal_data import PARTS

from .conftest import Lives
from .life import address, canaries


def read(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None
        files = {name: opened.read(name) for name in opened.namelist()}
    return {name: orjson.loads(text) if name.endswith(".json") else text.decode() for name, text in files.items()}


async def make(lives: Lives, name: str) -> bytes:
    about = About(lives.person(name), await lives.user(name), Locale.EN)
    pieces = Archive(lives.pool.acquire, lives.town.vault, SystemClock(), about).stream()
    return b"".join([piece async for piece in pieces])


async def test_everything_of_ones_own_is_there_and_nothing_of_anybody_else(lives: Lives) -> None:
    for name, other in (("user", "rui"), ("rui", "user")):
        content = await make(lives, name)
        files = read(content)
        told = orjson.dumps(files).decode()
        assert [each for each in canaries(name) if each not in told] == []
        assert [each for each in canaries(other) if each in told] == []
        assert {f"{part.table}.json" for part in PARTS} < files.keys()
        assert [part.table for part in PARTS if not files[f"{part.table}.json"]] == ["erasure"]
        assert files["manifest.json"]["simulated"] is True
        counted = {each["file"]: each["rows"] for each in files["manifest.json"]["files"]}
        assert {file: len(rows) for file, rows in files.items() if isinstance(rows, list)} == counted
        assert files["README.txt"].startswith("YOUR DATA AT MARKETBOT")


async def test_amounts_keep_their_digits_and_orders_their_events(lives: Lives) -> None:
    files = read(await make(lives, "user"))
    (order,) = files["orders.json"]
    assert (order["qty"], order["events"][1]["average_price"], order["events"][1]["state"]) == ("0.125", "61000.10", "filled")
    (intent,) = files["intent.json"]
    assert (intent["signal"]["source"], intent["signal"]["action"], intent["outcome"][0]["result"]) == (
        "room",
        "open_long",
        "ordered",
    )
    assert files["notice_channel.json"][0]["target"] == "user@example.org"
    assert files["notice_hook.json"][0]["url"] == "https://user.hook.example/a/path"
    assert not any(name.endswith("sealed") for name in files["account.json"][0])
    # From where a stranger tried to come in as them is not told: it may be anybody's.
    addresses = {row["action"]: row["address"] for row in files["audit_entry.json"]}
    assert (addresses["login"], addresses["login_failed"]) == (address("user"), None)


async def test_pages_and_files_of_any_size_hold_every_row_once(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    user_id = await lives.user("user")
    await lives.pool.execute(
        "INSERT INTO realized_result SELECT account_id, now() - make_interval(mins => n), s, 'long', user_id, NULL, n"
        " FROM account, generate_series(1, 23) n, unnest(ARRAY['A', 'B']) s WHERE user_id = $1",
        user_id,
    )
    await lives.pool.execute(
        "INSERT INTO orders SELECT signal_id, account_id, 'exit', n, user_id, 'x' || n, 'BTCUSDT', 'long', 1, NULL, created_at"
        " FROM orders, generate_series(1, 17) n WHERE user_id = $1",
        user_id,
    )
    whole = read(await make(lives, "user"))
    for module, name, value in ((personal_pages, "EXPORT_PAGE", 3), (archive, "EXPORT_PAGE", 3), (archive, "FILE_ROWS_MAX", 7)):
        monkeypatch.setattr(module, name, value)
    parts = read(await make(lives, "user"))
    for table, rows in (("realized_result", 47), ("orders", 18), ("audit_entry", len(whole["audit_entry.json"]))):
        files = [name for name in parts if name == f"{table}.json" or name.startswith(f"{table}-")]
        joined = [row for name in files for row in parts[name]]
        assert joined == whole[f"{table}.json"]
        assert len(joined) == rows
        assert all(len(parts[name]) <= 7 for name in files)
        assert (len(files) > 1) is (rows > 7)


async def test_it_is_given_to_whoever_is_logged_in_against_the_password(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await lives.town.inside("user")
    wrong = await browser.ask("POST", "/v1/me/export", {"password": "not the password"})
    assert (wrong.status, wrong.json["reason"]) == (422, "PASSWORD_WRONG")
    answer = await browser.ask("POST", "/v1/me/export", {"password": PASSWORD}, connection="close")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/zip")
    files = read(await whole(lives, browser.cookie or "", browser.csrf or ""))
    assert files["person.json"][0]["email"] == "user@example.org"
    assert files["audit_entry.json"][-1]["action"] == "exported"
    token = await lives.town.browser().ask("POST", "/v1/me/export", {"password": PASSWORD}, authorization=f"Bearer {TOKEN}")
    assert (token.status, token.json["reason"]) == (403, "SESSION_MISSING")
    # Staff have one too, of what is kept about them.
    admin = await lives.town.inside("admin")
    theirs = read(await whole(lives, admin.cookie or "", admin.csrf or ""))
    assert (theirs["person.json"][0]["role"], theirs["account.json"]) == ("admin", [])
    monkeypatch.setattr(exports, "EXPORTS_AT_ONCE_MAX", 0)
    busy = await browser.ask("POST", "/v1/me/export", {"password": PASSWORD})
    assert (busy.status, busy.json["reason"]) == (503, "OVERLOADED")


async def whole(lives: Lives, cookie: str, csrf: str) -> bytes:
    """Read an answer without a length, as a browser does."""
    body = orjson.dumps({"password": PASSWORD})
    head = (
        f"POST /v1/me/export HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\ncontent-type: application/json\r\n"
        f"cookie: marketbot={cookie}\r\nx-csrf-token: {csrf}\r\nconnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", lives.town.api.port)
    try:
        writer.write(head.encode() + body)
        async with asyncio.timeout(10):
            told = (await reader.readuntil(b"\r\n\r\n")).decode()
            assert " 200 " in told.splitlines()[0]
            content = b""
            while size := int((await reader.readline()).strip() or b"0", 16):
                content += await reader.readexactly(size)
                await reader.readline()
            return content
    finally:
        writer.close()
