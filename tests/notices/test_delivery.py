"""A notice on its way: from what happened, through the job, to a receiver with a real certificate, or to a dead letter."""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.store.queue import SYMBOL, make_accounts, make_intents, make_signal

from marketbot.backup.runs import note_failed
from marketbot.clock import SystemClock
from marketbot.controls.halt import halt, resume
from marketbot.domain.ids import UserId
from marketbot.domain.notice import Notice
from marketbot.domain.notice_texts import notice_text
from marketbot.domain.trading_state import Scope, TradingState
from marketbot.jobs import notices as kinds
from marketbot.jobs.kinds import Kinds
from marketbot.jobs.notices import notice_kind
from marketbot.notices.address import Hook
from marketbot.notices.delivery import Courier, DeliveryFailed
from marketbot.store import jobs, notices
from marketbot.store.accounts import Quarantine, quarantine_accounts
from marketbot.store.listen import Line
from marketbot.store.pool import Connection, Pool, connect
from marketbot.store.switches import PostgresSwitchboard
from marketbot.store.workers import Process, enlist
from marketbot.vault.vault import Vault
from marketbot.workers.jobs import JobRunner
from simexchange.wire.tls import Certificates

PATIENCE_S = 30.0
SECRET = "whsec_of_a_test"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Receiver:
    """A real server on loopback: keeps what came, and answers what it is told to."""

    port: int
    answer: bytes = OK
    got: asyncio.Queue[tuple[dict[str, str], bytes]] = field(default_factory=asyncio.Queue)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/hook/with-a-secret"

    async def one(self) -> tuple[dict[str, str], bytes]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.got.get()


@asynccontextmanager
async def receiving(context: ssl.SSLContext) -> AsyncIterator[Receiver]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {"request": head[0]} | {
                name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
            }
            await receiver.got.put((headers, await reader.readexactly(int(headers["content-length"]))))
            writer.write(receiver.answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    receiver = Receiver(server.sockets[0].getsockname()[1])
    async with server:
        yield receiver


@pytest.fixture
async def receiver(certificates: Certificates) -> AsyncIterator[Receiver]:
    async with receiving(certificates.server_context()) as made:
        yield made


async def hook(connection: Connection, vault: Vault, user_id: UserId | None, url: str) -> None:
    await notices.replace_hook(
        connection,
        user_id,
        "localhost",
        vault.seal(url.encode(), aad=notices.hook_aad(user_id, "url")),
        vault.seal(SECRET.encode(), aad=notices.hook_aad(user_id, "secret")),
    )


@asynccontextmanager
async def delivering(dsn: str, pool: Pool, vault: Vault, courier: Courier, *, loopback: bool = True) -> AsyncIterator[None]:
    connection = await connect(dsn, name="worker")
    worker = await enlist(connection, Process(("keeper",), "test", "elsewhere", 1, "1", (0,)))
    await connection.close()
    clock = SystemClock()
    runner = JobRunner(pool, Kinds([notice_kind(pool, vault, courier, clock, loopback=loopback)]), clock, lambda: worker)
    line = Line(dsn)
    listener = line.listener(["job"])
    async with line:
        task = asyncio.create_task(runner.run(listener))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await true():  # noqa: ASYNC110 - what is polled lies in a database
            await asyncio.sleep(0.02)


async def asked(pool: Pool) -> list[tuple[str, int | None, dict[str, Any]]]:
    """Return what is to be told, to whose address."""
    rows = await pool.fetch(
        "SELECT payload, (SELECT user_id FROM notice_hook h WHERE h.hook_id = (payload->>'hook_id')::bigint) AS user_id "
        "FROM job WHERE kind = 'notice' ORDER BY job_id"
    )
    return [(row["payload"]["notice"], row["user_id"], row["payload"]["facts"]) for row in rows]


async def test_a_quarantined_account_is_told_of_signed_to_its_user_and_the_operator(
    database: str, pool: Pool, vault: Vault, receiver: Receiver, trusting: ssl.SSLContext
) -> None:
    async with pool.acquire() as connection:
        (account_id,) = await make_accounts(connection, 1)
        user_id = UserId(await connection.fetchval("SELECT user_id FROM account"))
        stranger = UserId(await connection.fetchval("INSERT INTO app_user (name) VALUES ('rui') RETURNING user_id"))
        for each in (user_id, stranger, None):
            await hook(connection, vault, each, receiver.url)
    async with delivering(database, pool, vault, Courier(trusting, loopback=True)):
        for _ in range(2):  # it is shut once, and told of once
            await quarantine_accounts(pool, [Quarantine(account_id, user_id, "The key was revoked.")])
        got = [await receiver.one() for _ in range(2)]

        async def done() -> bool:
            return bool(await pool.fetchval("SELECT count(*) = 2 FROM job WHERE done_at IS NOT NULL"))

        await until(done)
    assert {user for _, user, _ in await asked(pool)} == {user_id, None}
    for headers, body in got:
        assert headers["request"] == "POST /hook/with-a-secret HTTP/1.1"
        assert headers["host"] == f"localhost:{receiver.port}"
        signed = hmac.new(SECRET.encode(), headers["x-marketbot-timestamp"].encode() + b"." + body, "sha256").hexdigest()
        assert headers["x-marketbot-signature"] == f"v1={signed}"
        told = orjson.loads(body)
        assert (told["notice"], told["facts"]["account_id"]) == ("account_quarantined", account_id)
        assert told["text"].endswith("The key was revoked.")
        assert str(told["id"]) == headers["x-marketbot-id"]


async def test_a_receiver_that_refuses_is_asked_again_and_then_it_is_a_dead_letter_that_can_be_retried(
    database: str, pool: Pool, vault: Vault, receiver: Receiver, trusting: ssl.SSLContext
) -> None:
    receiver.answer = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n"
    async with pool.acquire() as connection:
        await hook(connection, vault, None, receiver.url)
        await notices.ask(connection, None, Notice.TEST, "one", {})
    await pool.execute("UPDATE job SET max_attempts = 2")

    async def failed() -> bool:
        return await pool.fetchval("SELECT failed FROM job") is not None

    async def dead() -> bool:
        return bool(await pool.fetchval("SELECT dead_at IS NOT NULL FROM job"))

    async def done() -> bool:
        return bool(await pool.fetchval("SELECT done_at IS NOT NULL FROM job"))

    async with delivering(database, pool, vault, Courier(trusting, loopback=True)):
        await until(failed)
        found = await pool.fetchrow("SELECT failed, attempts, due_at > clock_timestamp() - interval '1 minute' AS later FROM job")
        assert found is not None
        assert tuple(found) == ("DeliveryFailed: localhost answered 302", 1, True)
        await pool.execute("UPDATE job SET due_at = clock_timestamp()")
        await until(dead)
        receiver.answer = OK
        async with pool.acquire() as connection:
            (letter,) = await jobs.dead_jobs(connection, jobs.DeadKey(), 10)
            assert await jobs.retry_dead(connection, letter.job_id)
        await until(done)


async def test_what_waits_for_an_address_that_was_removed_is_dropped(
    database: str, pool: Pool, vault: Vault, receiver: Receiver, trusting: ssl.SSLContext
) -> None:
    async with pool.acquire() as connection:
        await hook(connection, vault, None, receiver.url)
        await notices.ask(connection, None, Notice.TEST, "one", {})
        assert await notices.remove_hook(connection, None)

    async def done() -> bool:
        return bool(await pool.fetchval("SELECT done_at IS NOT NULL FROM job"))

    async with delivering(database, pool, vault, Courier(trusting, loopback=True)):
        await until(done)
    assert receiver.got.empty()


async def test_a_name_that_leads_to_this_machine_is_not_dialled(receiver: Receiver, trusting: ssl.SSLContext) -> None:
    target = Hook("localhost", receiver.port, "/")
    with pytest.raises(DeliveryFailed, match="not on the public internet"):
        await Courier(trusting).post(target, b"{}", {})
    assert receiver.got.empty()
    await Courier(trusting, loopback=True).post(target, b"{}", {})
    assert not receiver.got.empty()


async def test_one_private_address_among_public_ones_condemns_a_name(
    receiver: Receiver, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers with both hopes that the private one is dialled."""

    async def answers(*_: object, **__: object) -> list[Any]:
        return [(2, 1, 6, "", ("8.8.8.8", receiver.port)), (2, 1, 6, "", ("127.0.0.1", receiver.port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answers)
    with pytest.raises(DeliveryFailed, match="not on the public internet"):
        await Courier(trusting).post(Hook("evil.example", receiver.port, "/"), b"{}", {})


async def test_a_certificate_of_nobody_we_know_is_refused(receiver: Receiver) -> None:
    with pytest.raises(DeliveryFailed, match="SSLCertVerificationError"):
        await Courier(loopback=True).post(Hook("localhost", receiver.port, "/"), b"{}", {})
    assert receiver.got.empty()


async def test_an_answer_that_is_no_http_is_no_delivery(receiver: Receiver, trusting: ssl.SSLContext) -> None:
    for answer in (b"SSH-2.0-x\r\n", b"", b"x" * 5_000 + b"\r\n", b"HTTP/1.1 abc\r\n\r\n"):
        receiver.answer = answer
        with pytest.raises(DeliveryFailed):
            await Courier(trusting, loopback=True).post(Hook("localhost", receiver.port, "/"), b"{}", {})


async def test_a_stop_and_its_end_are_told_of_with_the_change_or_not_at_all(pool: Pool, vault: Vault) -> None:
    async with pool.acquire() as connection:
        (account_id,) = await make_accounts(connection, 1)
        user_id = UserId(await connection.fetchval("SELECT user_id FROM account"))
        for each in (user_id, None):
            await hook(connection, vault, each, "https://hooks.example.com/")
        board = PostgresSwitchboard(connection)
        with suppress(RuntimeError):
            async with connection.transaction():
                await halt(board, Scope.ACCOUNT, str(account_id), TradingState.HALTED, "looking into it")
                raise RuntimeError
        assert await asked(pool) == []
        async with connection.transaction():
            await halt(board, Scope.ACCOUNT, str(account_id), TradingState.HALTED, "looking into it")
        async with connection.transaction():
            await resume(board, Scope.ACCOUNT, str(account_id))
        async with connection.transaction():
            await halt(board, Scope.EVERYTHING, "", TradingState.REDUCING, "storm")
        await note_failed(connection, datetime(2026, 1, 1, 3, 10, tzinfo=UTC), "no space left")
        await note_failed(connection, datetime(2026, 1, 1, 3, 20, tzinfo=UTC), "no space left")
    found = [(notice, user) for notice, user, _ in await asked(pool)]
    assert sorted(found, key=str) == sorted(
        [
            ("trading_stopped", user_id),
            ("trading_stopped", None),
            ("trading_resumed", user_id),
            ("trading_resumed", None),
            ("trading_stopped", None),
            ("backup_failed", None),
        ],
        key=str,
    )


async def test_a_position_without_its_stop_is_told_of_once_when_it_has_stood_for_long(pool: Pool, vault: Vault) -> None:
    async with pool.acquire() as connection:
        accounts = await make_accounts(connection, 3)
        await hook(connection, vault, None, "https://hooks.example.com/")
        signal_id = await make_signal(connection)
        await make_intents(connection, signal_id, accounts)
        for account_id, protection, age in zip(accounts, ("naked", "naked", "protected"), ("31 s", "5 s", "1 hour"), strict=True):
            await connection.execute(
                "INSERT INTO position (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price, opened_at) "
                "SELECT account_id, $2, 'long', user_id, $3, $4::text::protection_state, 1, 100, 98, now() - $5::text::interval "
                "FROM account WHERE account_id = $1",
                account_id, SYMBOL, signal_id, protection, age,
            )  # fmt: skip
    for _ in range(2):
        await notices.ask_unprotected(pool, kinds.UNPROTECTED_FOR)
    ((notice, _, facts),) = await asked(pool)
    assert (notice, facts["account_id"], facts["symbol"]) == ("position_unprotected", accounts[0], SYMBOL)


@pytest.mark.parametrize("notice", Notice)
def test_every_notice_has_words(notice: Notice) -> None:
    assert notice_text(notice, {})
    assert "{" not in notice_text(notice, {"reason": "r"})


async def test_the_row_holds_neither_address_nor_secret_in_clear(pool: Pool, vault: Vault, tmp_path: Path) -> None:
    async with pool.acquire() as connection:
        await hook(connection, vault, None, "https://hooks.example.com/with-a-secret")
    row = await pool.fetchrow("SELECT * FROM notice_hook")
    assert row is not None
    assert SECRET.encode() not in row["secret_sealed"]
    assert b"with-a-secret" not in row["url_sealed"]
