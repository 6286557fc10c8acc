"""Keys among whole processes: the API takes what it cannot open, and keys are replaced while orders flow."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.api.conftest import TOKEN, Api, accepts, until
from tests.faults.installation import SOURCE, SYMBOLS, Installation, eventually, open_installation_with
from tests.ports import free_port
from tests.users.crowd import give_token

from marketbot.accounts import resealing
from marketbot.accounts.safe import safe_in
from marketbot.domain.signal import Action
from marketbot.store.pool import DirectConnection, connect
from marketbot.vault.kek import add_key, drop_key

BTC, ETH, _ = SYMBOLS
CANARY = "Canary5f0c"
API_KEY, API_SECRET = f"{CANARY}KeyThatIsShownToNobody00", f"{CANARY}SecretThatIsShownToNobody"
AT_ONCE = timedelta(0)
CHUNK_BYTES = 1 << 22

pytestmark = pytest.mark.process


@dataclass
class Face:
    """An API process and everything that it ever answered."""

    api: Api
    process: asyncio.subprocess.Process
    log: Path
    token: str
    answers: list[bytes] = field(default_factory=list)

    async def ask(self, method: str, path: str, document: object = None, *, token: str | None = None, spoken: str = "en") -> Any:
        body = b"" if document is None else orjson.dumps(document)
        headers = {"authorization": f"Bearer {token or self.token}", "accept_language": spoken}
        if document is not None:
            headers["content_type"] = "application/json"
        answer = await self.api.send(method, path, body, **headers)
        self.answers.append(answer.body)
        return answer


def environment(made: Installation, data_dir: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARKETBOT_")}
    return kept | {
        "DATABASE_URL": made.dsn,
        "MARKETBOT_DATA_DIR": str(data_dir),
        "MARKETBOT_PROFILE": "simulation",
        "MARKETBOT_API_PORT": str(port),
        "MARKETBOT_OPERATOR_TOKEN": TOKEN,
    }


def _furnish(made: Installation, directory: Path) -> None:
    directory.mkdir()
    shutil.copy2(made.directory / "vault.key", directory / "vault.key")


@asynccontextmanager
async def face_of(made: Installation, directory: Path) -> AsyncIterator[Face]:
    """Run an API whose data directory holds the vault's key and nothing that opens an account's."""
    _furnish(made, directory)
    port = free_port()
    log = directory / "api.log"
    token = (await give_token(made.connection, await made.connection.fetchval("SELECT min(user_id) FROM app_user"))).text
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "marketbot.api", env=environment(made, directory, port), stdout=stream, stderr=stream
        )
    try:
        await until(lambda: accepts(port), 30)
        yield Face(Api(port, made.dsn), process, log, token)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def test_the_api_connects_an_account_that_it_cannot_open(database: str, tmp_path: Path) -> None:
    async with open_installation_with(database, tmp_path, accounts=4) as made:
        await made.start_engine()
        await eventually(lambda: made.connection.fetchval("SELECT EXISTS (SELECT FROM box_key)"), 20)
        async with face_of(made, tmp_path / "api") as face:
            account_id = await connected(made, face)
            await refused(made, face)
            await asked_anew(face, account_id)
            opened = await made.signal(Action.OPEN_LONG, BTC)
            await made.settled([opened], 60)
            result = await made.connection.fetchval("SELECT result::text FROM outcome WHERE account_id = $1", account_id)
            assert result == "ordered", await made.trace(await made.audit())
            still = await face.ask("DELETE", f"/v1/accounts/{account_id}")
            assert (still.status, still.json["reason"]) == (409, "ACCOUNT_BUSY")
            drill = await face.ask("POST", "/v1/operator/keys/revoke", {"scope": "all", "key": None, "drill": True}, token=TOKEN)
            assert (drill.status, drill.json["revoked"]["accounts"]) == (200, 6)
            gone = await face.ask("DELETE", f"/v1/accounts/{account_id}?force=true")
            assert gone.json["left_at_the_venue"]["protected_positions"] == 1
            assert gone.json["account"]["status"] == "disconnected"
            await face.ask("GET", "/metrics", token=TOKEN)
            await nothing_shows(made, face)
            memory_holds_no_kek(made, face)


async def connected(made: Installation, face: Face) -> int:
    await made.control.create_accounts(
        [{"venue": "bybit", "environment": "testnet", "balance": "1000", "api_key": API_KEY, "api_secret": API_SECRET}]
    )
    wish = {"label": "mine", "venue": "bybit", "api_key": API_KEY, "api_secret": API_SECRET, "follows": [SOURCE]}
    made_answer = await face.ask("POST", "/v1/accounts", wish)
    assert made_answer.status == 202, made_answer.json
    account = made_answer.json["account"]
    assert (account["status"], account["key_pending"], account["environment"]) == ("connecting", True, "testnet")
    account_id = int(account["account_id"])
    shown = await becomes(face, account_id, lambda row: row["status"] != "connecting")
    assert (shown["account"]["status"], shown["status_text"]) == ("ready", None), made.engine_log()
    again = await face.ask("POST", "/v1/accounts", {**wish, "label": "again"})
    assert (again.status, again.json["reason"]) == (409, "KEY_IN_USE")
    wrong = await face.ask("POST", "/v1/accounts", {**wish, "venue": API_SECRET, "passphrase": API_SECRET})
    assert wrong.status == 422
    return account_id


async def refused(made: Installation, face: Face) -> None:
    """A key that can withdraw is refused, in the words of whoever asks."""
    [dangerous] = await made.control.create_accounts([{"venue": "binance", "environment": "mainnet", "can_withdraw": True}])
    wish = {"label": "dangerous", "venue": "binance", "environment": "mainnet"}
    keys = {"api_key": dangerous["api_key"], "api_secret": dangerous["api_secret"]}
    account_id = (await face.ask("POST", "/v1/accounts", wish | keys)).json["account"]["account_id"]
    shown = await becomes(face, account_id, lambda row: row["status"] == "quarantined")
    assert shown["account"]["status_code"] == "KEY_CAN_WITHDRAW"
    assert "move money" in shown["status_text"]
    in_portuguese = (await face.ask("GET", f"/v1/accounts/{account_id}", spoken="pt-BR")).json
    assert "retirar dinheiro" in in_portuguese["status_text"]


async def asked_anew(face: Face, account_id: int) -> None:
    asked = await face.ask("POST", f"/v1/accounts/{account_id}/test")
    assert asked.status == 202
    before = asked.json["account"]["key_checked_at"]
    shown = await becomes(
        face, account_id, lambda row: row["key_checked_at"] not in (None, before) and row["key_asked_at"] is None
    )
    assert shown["account"]["status"] == "ready"
    assert shown["key_text"] is None


async def becomes(face: Face, account_id: int, true: Callable[[Any], bool]) -> Any:
    shown: Any = None

    async def is_so() -> bool:
        nonlocal shown
        shown = (await face.ask("GET", f"/v1/accounts/{account_id}")).json
        return true(shown["account"])

    await eventually(is_so, 40)
    return shown


async def nothing_shows(made: Installation, face: Face) -> None:
    """Search all output, and the database as a thief would read it, for the planted key."""
    tables = await made.connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    dump = "\n".join([str(await made.connection.fetch(f"SELECT to_jsonb(t) FROM {each['relname']} t")) for each in tables])
    heard = {
        "answers": b"\n".join(face.answers).decode("utf-8", "replace"),
        "api.log": face.log.read_text(),
        "engine.log": (made.directory / "engine.log").read_text(),
        "database": dump,
    }
    for place, text in heard.items():
        for secret in (CANARY, CANARY.encode().hex()):
            assert secret not in text, place
    assert "marketbot_" in heard["answers"]
    assert "account_asked_for" in heard["api.log"]
    assert "mine" in dump


def memory_holds_no_kek(made: Installation, face: Face) -> None:
    text = (made.directory / "kek.key").read_text().strip()
    kek = bytes.fromhex(text)
    held = dict.fromkeys(("token", "hexadecimal", "raw"), False)
    needles = {"token": TOKEN.encode(), "hexadecimal": text.encode(), "raw": kek}
    maps = Path(f"/proc/{face.process.pid}/maps").read_text()
    with Path(f"/proc/{face.process.pid}/mem").open("rb", buffering=0) as memory:
        for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps, re.MULTILINE):
            for name, needle in needles.items():
                held[name] = held[name] or _in_memory(memory, int(start, 16), int(end, 16), needle)
    assert held == {"token": True, "hexadecimal": False, "raw": False}, "the token shows that the search finds what is there"
    assert b"MARKETBOT_KEK" not in Path(f"/proc/{face.process.pid}/environ").read_bytes()


def _in_memory(memory: Any, start: int, end: int, needle: bytes) -> bool:
    for place in range(start, end, CHUNK_BYTES):
        try:
            memory.seek(place)
            if needle in memory.read(min(end, place + CHUNK_BYTES + len(needle)) - place):
                return True
        except (OSError, OverflowError, ValueError):
            continue
    return False


async def test_an_api_that_is_given_the_key_does_not_start(tmp_path: Path) -> None:
    given = {
        **os.environ,
        "DATABASE_URL": "postgresql://127.0.0.1:1/none",
        "MARKETBOT_DATA_DIR": str(tmp_path),
        "MARKETBOT_KEK": "00" * 32,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "marketbot.api", env=given, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert b"MARKETBOT_KEK" in said
    assert b"00" * 32 not in said


async def test_both_kinds_of_keys_are_replaced_while_orders_flow(database: str, tmp_path: Path) -> None:
    accounts = 16
    async with open_installation_with(database, tmp_path, accounts=accounts) as made:
        await made.start_engine()
        before = {row["key_id"] for row in await made.connection.fetch("SELECT key_id FROM data_key")}
        rotating = asyncio.create_task(rotate(database, tmp_path))
        signals = [await made.signal(Action.OPEN_LONG, BTC)]
        await made.settled(signals, 60)
        signals.append(await made.signal(Action.OPEN_LONG, ETH))
        await rotating
        await made.settled(signals, 60)  # a close would supersede what is not opened yet
        for action, symbol in ((Action.CLOSE_LONG, BTC), (Action.CLOSE_LONG, ETH)):
            signals.append(await made.signal(action, symbol))
        await made.settled(signals, 60)
        results = await made.connection.fetch("SELECT result::text, count(*) AS n FROM outcome GROUP BY 1")
        assert {row["result"]: row["n"] for row in results} == {"ordered": 4 * accounts}, made.engine_log()
        after = {row["key_id"] for row in await made.connection.fetch("SELECT key_id FROM data_key")}
        assert len(after) == accounts
        assert after.isdisjoint(before)
        found = await made.until_clean(20)
        assert found.clean, found.document()


async def rotate(dsn: str, directory: Path) -> None:
    """Do what `keys rotate-kek`, `retire-kek` and `rotate-data-keys` do, in small pages, each time with the engine made to read anew."""
    connection = await connect(dsn, name="rotate")
    try:
        old = safe_in(directory).kek.current
        add_key(directory / "kek.key")
        safe = safe_in(directory)
        while await resealing.rewrap_page(connection, safe, limit=5):
            await forget(connection)
        drop_key(directory / "kek.key", old)
        assert await resealing.renew_page(connection, safe, min_age=AT_ONCE) == 16
        await forget(connection)
        await resealing.reseal_all(connection, safe)
        await forget(connection)
        assert await resealing.drop_unused(connection) > 0
    finally:
        await connection.close()


async def forget(connection: DirectConnection) -> None:
    """Make every engine open every key anew."""
    await connection.execute("UPDATE account SET changed_at = clock_timestamp()")
