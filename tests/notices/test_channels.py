"""Channels end to end: what happened, through rows, rounds and jobs, to stand-ins of the services on real sockets."""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.people.mailbox import receiving
from tests.store.queue import SYMBOL, make_accounts, make_intents, make_signal

from marketbot.clock import SystemClock
from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.notice import ChannelKind, Notice, Severity, Spoken
from marketbot.jobs import notice_kinds as every_kind
from marketbot.jobs.kinds import Kinds
from marketbot.jobs.notice_rounds import round_kind
from marketbot.jobs.tell import Letters, Means, tell_kind
from marketbot.mail.postman import Postman
from marketbot.mail.server import MailServer
from marketbot.notices.codes import CODE_LIFE, code_sha256, make_link_code
from marketbot.notices.delivery import Courier
from marketbot.store import channels, notice_items, notices
from marketbot.store.channels import ChannelRow, NewChannel, channel_aad
from marketbot.store.jobs import ClaimedJob
from marketbot.store.listen import Line
from marketbot.store.pool import Pool, connect
from marketbot.store.workers import Process, enlist
from marketbot.vault.vault import Vault
from marketbot.workers.jobs import JobRunner
from simexchange.wire.tls import Certificates

from .services import BOT_TOKEN, PATIENCE_S, Services, serving

SECRET = "whsec_of_a_test"
JOB = ClaimedJob(1, "", None, {}, SystemClock().now(), None, 1, 1)
"""For handlers that ask nothing of theirs."""


@pytest.fixture
async def services(certificates: Certificates) -> AsyncIterator[Services]:
    async with serving(certificates.server_context()) as made:
        yield made


@dataclass
class Mailbox:
    """What the mail server's side of the port was handed."""

    got: asyncio.Queue[tuple[str, str, str]] = field(default_factory=asyncio.Queue)

    async def send(self, to: str, subject: str, body: str) -> None:
        await self.got.put((to, subject, body))

    async def one(self) -> tuple[str, str, str]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.got.get()


@dataclass
class Telling:
    """An installation in practice, with one user and the stand-ins."""

    pool: Pool
    vault: Vault
    services: Services
    courier: Courier
    user_id: UserId
    accounts: list[AccountId]
    mailbox: Mailbox = field(default_factory=Mailbox)

    async def channel(
        self,
        kind: ChannelKind,
        target: str,
        *,
        user: bool = True,
        minimum: Severity = Severity.INFO,
        notices_chosen: list[Notice] | None = None,
        confirmed: bool = True,
        language: Spoken = Spoken.EN,
    ) -> ChannelRow:
        owner = self.user_id if user else None

        def seal(text: str, what: str) -> bytes:
            return self.vault.seal(text.encode(), aad=channel_aad(owner, kind, what))

        secret = seal(SECRET, "secret") if kind is ChannelKind.WEBHOOK else None
        new = NewChannel(kind, "there", language, minimum, notices_chosen, seal(target, "target"), secret, confirmed=confirmed)
        async with self.pool.acquire() as connection:
            row = await channels.create_channel(connection, owner, new)
        assert row is not None
        return row

    async def ask(self, notice: Notice, subject: str, **facts: Any) -> None:
        async with self.pool.acquire() as connection:
            await notices.ask(connection, self.user_id, notice, subject, facts)

    async def round(self) -> None:
        """Let channels speak once, now."""
        await round_kind(self.pool, SystemClock()).handler(JOB)

    async def messages(self) -> list[list[str]]:
        """Return the notices of each message there is, waiting or sent."""
        rows = await self.pool.fetch(
            "SELECT array_agg(notice ORDER BY item_id) AS notices FROM notice_item WHERE job_id IS NOT NULL GROUP BY job_id ORDER BY job_id"
        )
        return [row["notices"] for row in rows]

    @asynccontextmanager
    async def working(self, dsn: str, *, bot: bool = False, letters: Letters | None = None) -> AsyncIterator[None]:
        """Run a keeper's jobs: those that deliver, and with ``bot`` all there are."""
        connection = await connect(dsn, name="worker")
        worker = await enlist(connection, Process(("keeper",), "test", "elsewhere", 1, "1", (0,)))
        await connection.close()
        clock = SystemClock()
        kinds = every_kind.notice_kinds(
            self.pool,
            self.vault,
            clock,
            self.courier,
            loopback=True,
            telegram_api=self.services.telegram,
            telegram_token=BOT_TOKEN,
            letters=letters or self.mailbox,
        )
        if not bot:
            kinds = [kind for kind in kinds if kind.every is None]
        runner = JobRunner(self.pool, Kinds(kinds), clock, lambda: worker)
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


@pytest.fixture
async def telling(pool: Pool, vault: Vault, services: Services, trusting: ssl.SSLContext) -> Telling:
    async with pool.acquire() as connection:
        await connection.execute("INSERT INTO installation (tag, profile) VALUES ('abc123', 'simulation')")
        accounts = await make_accounts(connection, 2)
        user_id = UserId(await connection.fetchval("SELECT user_id FROM app_user"))
    return Telling(pool, vault, services, Courier(trusting, loopback=True), user_id, accounts)


async def until(true: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await true():  # noqa: ASYNC110 - what is polled lies in a database
            await asyncio.sleep(0.02)


async def test_a_critical_notice_goes_at_once_by_every_means(database: str, telling: Telling) -> None:
    """No round runs here: nothing but the job that was made with the notice."""
    services = telling.services
    await telling.channel(ChannelKind.TELEGRAM, "42")
    await telling.channel(ChannelKind.DISCORD, services.discord, language=Spoken.PT_BR)
    await telling.channel(ChannelKind.SLACK, services.slack)
    await telling.channel(ChannelKind.EMAIL, "ana@example.com")
    async with telling.working(database):
        await telling.ask(Notice.POSITION_UNPROTECTED, "1", label="*main*<b>", venue="bybit", symbol="BTCUSDT", side="long")
        await telling.ask(Notice.POSITION_UNPROTECTED, "1", label="again")
        got = dict([await services.one() for _ in range(3)])
        to, subject, letter = await telling.mailbox.one()
    telegram = got[f"/bot{BOT_TOKEN}/sendMessage"]
    assert telegram["chat_id"] == 42
    assert "parse_mode" not in telegram
    assert "[SIMULATION] MarketBot: CRITICAL\n" in telegram["text"]
    assert "account *main*<b> (bybit)" in telegram["text"]
    discord = got["/api/webhooks/1234567890/a-secret-of-discord"]
    assert discord["allowed_mentions"] == {"parse": []}
    assert r"\*main\*\<b\>" in discord["content"]
    assert "comprada" in discord["content"]
    slack = got["/services/T0/B0/asecretofslack"]
    assert (slack["mrkdwn"], "&lt;b&gt;" in slack["text"]) == (False, True)
    assert (to, subject) == ("ana@example.com", "[SIMULATION] MarketBot: CRITICAL")
    assert "no verified stop" in letter
    assert await telling.messages() == [["position_unprotected"]] * 4


async def test_a_critical_notice_is_not_held_up_by_a_flood(database: str, telling: Telling) -> None:
    await telling.channel(ChannelKind.TELEGRAM, "42")
    for number in range(30):
        await telling.ask(Notice.TRADING_RESUMED, str(number), scope="everything")
    await telling.round()
    await telling.ask(Notice.POSITION_UNPROTECTED, "1", label="main")
    assert (await telling.messages())[-1] == ["position_unprotected"]
    assert len(await telling.messages()) == 6
    held = await telling.pool.fetchrow(
        "SELECT count(*) AS n, min(due_at) > now() + interval '30 s' AS later FROM notice_item WHERE held"
    )
    assert held is not None
    assert tuple(held) == (25, True)
    await telling.pool.execute("UPDATE notice_item SET due_at = now() WHERE held")
    await telling.round()
    assert len((await telling.messages())[-1]) == 25
    async with telling.working(database):
        texts = [(await telling.services.one())[1]["text"] for _ in range(7)]
    assert sum("25 notices" in text for text in texts) == 1
    assert sum("CRITICAL" in text for text in texts) == 1


async def test_only_what_was_chosen_is_put_down(telling: Telling) -> None:
    chosen = await telling.channel(ChannelKind.TELEGRAM, "1", notices_chosen=[Notice.TRADING_STOPPED])
    grave = await telling.channel(ChannelKind.TELEGRAM, "2", minimum=Severity.CRITICAL)
    await telling.channel(ChannelKind.TELEGRAM, "3", confirmed=False)
    operator = await telling.channel(ChannelKind.TELEGRAM, "4", user=False)
    await telling.ask(Notice.TRADING_STOPPED, "a")
    await telling.ask(Notice.NEW_LOGIN, "b")
    await telling.ask(Notice.POSITION_UNPROTECTED, "c")
    async with telling.pool.acquire() as connection:
        await notices.ask(connection, None, Notice.BACKUP_FAILED, "d", {})
    rows = await telling.pool.fetch("SELECT channel_id, array_agg(notice ORDER BY item_id) AS told FROM notice_item GROUP BY 1")
    assert {row["channel_id"]: row["told"] for row in rows} == {
        chosen.channel_id: ["trading_stopped"],
        grave.channel_id: ["position_unprotected"],
        operator.channel_id: ["trading_stopped", "new_login", "position_unprotected", "backup_failed"],
    }


async def test_a_service_that_is_busy_is_left_alone_for_as_long_as_it_asks(database: str, telling: Telling) -> None:
    telling.services.answers = [(429, {"ok": False, "parameters": {"retry_after": 77}})]
    channel = await telling.channel(ChannelKind.TELEGRAM, "42")
    await telling.ask(Notice.NEW_LOGIN, "1")
    await telling.round()
    async with telling.working(database):
        await telling.services.one()
        await until(lambda: telling.pool.fetchval("SELECT failed IS NOT NULL FROM job WHERE kind = 'tell'"))
    row = await telling.pool.fetchrow(
        "SELECT failed, due_at > clock_timestamp() + interval '60 s' AS later, "
        "(SELECT quiet_until > clock_timestamp() + interval '60 s' FROM notice_channel) AS quiet FROM job WHERE kind = 'tell'"
    )
    assert row is not None
    assert tuple(row) == ("TryLater: localhost asked for 77 s of quiet", True, True)
    await telling.ask(Notice.NEW_LOGIN, "2")
    await telling.round()
    assert len(await telling.messages()) == 1
    await telling.pool.execute("UPDATE notice_channel SET quiet_until = now()")
    await telling.round()
    assert len(await telling.messages()) == 2
    assert channel.failed is None


async def test_a_receiver_that_is_gone_is_told_only_what_is_critical_until_it_takes_something(
    database: str, telling: Telling
) -> None:
    telling.services.answers = [(403, {"ok": False, "description": "Forbidden: bot was blocked by the user"})]
    channel = await telling.channel(ChannelKind.TELEGRAM, "42")
    await telling.ask(Notice.NEW_LOGIN, "1")
    await telling.round()
    async with telling.working(database):
        await telling.services.one()
        await until(lambda: telling.pool.fetchval("SELECT failed IS NOT NULL FROM notice_channel"))
        await telling.ask(Notice.NEW_LOGIN, "2")
        assert await telling.pool.fetchval("SELECT count(*) FROM notice_item") == 1
        await telling.ask(Notice.POSITION_UNPROTECTED, "3", label="main")
        assert "CRITICAL" in (await telling.services.one())[1]["text"]
        await until(lambda: telling.pool.fetchval("SELECT failed IS NULL FROM notice_channel"))
    async with telling.pool.acquire() as connection:
        shown = await channels.read_channel(connection, telling.user_id, channel.channel_id)
    assert shown is not None
    assert shown.failed is None


async def test_a_webhook_is_signed_and_speaks_the_channels_language(
    telling: Telling, trusting: ssl.SSLContext, certificates: Certificates
) -> None:
    got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        await got.put((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificates.server_context())
    async with server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/x"
        channel = await telling.channel(ChannelKind.WEBHOOK, url, language=Spoken.PT_BR)
        await telling.ask(Notice.POSITION_UNPROTECTED, "1", label="main", side="short")
        job_id = await telling.pool.fetchval("SELECT job_id FROM notice_item")
        kind = tell_kind(telling.pool, telling.vault, Means(telling.courier, loopback=True), SystemClock())
        job = ClaimedJob(job_id, "tell", None, {"channel_id": channel.channel_id}, SystemClock().now(), None, 1, 8)
        await kind.handler(job)
        headers, body = await got.get()
    signed = hmac.new(SECRET.encode(), headers["x-marketbot-timestamp"].encode() + b"." + body, "sha256").hexdigest()
    assert headers["x-marketbot-signature"] == f"v1={signed}"
    assert headers["x-marketbot-id"] == str(job_id)
    text = body.decode()
    assert '"severity":"critical"' in text
    assert "vendida" in text
    assert '"simulated":true' in text


async def link_code(telling: Telling) -> tuple[ChannelRow, str]:
    code = make_link_code()
    async with telling.pool.acquire() as connection:
        new = NewChannel(ChannelKind.TELEGRAM, "Telegram", Spoken.PT_BR, Severity.WARNING, None)
        row = await channels.create_channel(connection, telling.user_id, new)
        assert row is not None
        assert await channels.set_code(connection, telling.user_id, row.channel_id, code_sha256(None, code), CODE_LIFE)
    return row, code


async def test_a_chat_is_linked_by_its_code_once_and_in_private(database: str, telling: Telling) -> None:
    row, code = await link_code(telling)
    services = telling.services
    for text, chat_id, kind in (
        ("/start", 1, "private"),
        ("/start wrong", 2, "private"),
        (f"/start {code}", 3, "group"),
        (f"{code}", 4, "private"),
    ):
        services.say(text, chat_id, kind=kind)
    services.say(f"/start {code}", 42)
    services.say(f"/start {code}", 43)
    async with telling.working(database, bot=True):
        _, greeting = await services.one()

        async def read() -> bool:
            return bool(services.asked_from and services.asked_from[-1] == 1_006)

        await until(read)
    assert (greeting["chat_id"], "vinculado" in greeting["text"]) == (42, True)
    assert services.got.empty()
    async with telling.pool.acquire() as connection:
        linked = await channels.read_channel(connection, telling.user_id, row.channel_id)
    assert linked is not None
    assert linked.confirmed_at is not None
    assert linked.name == "Ana <b>"
    recorded = await telling.pool.fetch("SELECT action, actor_kind, subject_id FROM audit_entry")
    assert [tuple(each) for each in recorded] == [("channel_confirmed", "system", str(row.channel_id))]
    stored = await telling.pool.fetchrow("SELECT target_sealed, code_sha256 FROM notice_channel")
    assert stored is not None
    assert telling.vault.open(stored["target_sealed"], aad=channel_aad(telling.user_id, ChannelKind.TELEGRAM, "target")) == b"42"
    assert stored["code_sha256"] is None


async def test_an_old_code_links_nothing(database: str, telling: Telling) -> None:
    _, code = await link_code(telling)
    await telling.pool.execute("UPDATE notice_channel SET code_until = clock_timestamp()")
    telling.services.say(f"/start {code}")
    async with telling.working(database, bot=True):

        async def read() -> bool:
            return 1_001 in telling.services.asked_from

        await until(read)
    assert await telling.pool.fetchval("SELECT confirmed_at FROM notice_channel") is None


async def test_a_mailbox_gets_a_code_that_no_row_holds(database: str, telling: Telling) -> None:
    row = await telling.channel(ChannelKind.EMAIL, "ana@example.com", confirmed=False)
    async with telling.pool.acquire() as connection:
        await channels.ask_code(connection, row.channel_id)
    async with telling.working(database):
        to, _, body = await telling.mailbox.one()
    code = next(word for word in body.split() if len(word) == 10 and word.isupper())
    assert to == "ana@example.com"
    for table in ("job", "notice_channel", "notice_item"):
        assert code not in str(await telling.pool.fetch(f"SELECT t::text FROM {table} t"))
    async with telling.pool.acquire() as connection:
        for wrong in range(4):
            sha256 = code_sha256(row.channel_id, f"WRONG{wrong}")
            assert await channels.confirm_channel(connection, telling.user_id, row.channel_id, sha256, 5) is None
        sha256 = code_sha256(row.channel_id, code)
        assert await channels.confirm_channel(connection, None, row.channel_id, sha256, 5) is None
        found = await channels.confirm_channel(connection, telling.user_id, row.channel_id, sha256, 5)
        assert found is not None
        assert await channels.confirm_channel(connection, telling.user_id, row.channel_id, sha256, 5) is None


async def test_five_wrong_codes_are_enough(telling: Telling) -> None:
    row = await telling.channel(ChannelKind.EMAIL, "ana@example.com", confirmed=False)
    right = code_sha256(row.channel_id, "RIGHT")
    async with telling.pool.acquire() as connection:
        await channels.set_code(connection, telling.user_id, row.channel_id, right, CODE_LIFE)
        for _ in range(5):
            await channels.confirm_channel(connection, telling.user_id, row.channel_id, code_sha256(row.channel_id, "W"), 5)
        assert await channels.confirm_channel(connection, telling.user_id, row.channel_id, right, 5) is None


async def test_an_owner_has_five_channels_even_when_all_are_asked_for_at_once(telling: Telling) -> None:
    async def one() -> bool:
        try:
            await telling.channel(ChannelKind.TELEGRAM, "1")
        except AssertionError:
            return False
        return True

    added = await asyncio.gather(*(one() for _ in range(12)))
    while await one():
        added.append(True)
    assert sum(added) == channels.CHANNELS_MAX == await telling.pool.fetchval("SELECT count(*) FROM notice_channel")
    assert await telling.channel(ChannelKind.TELEGRAM, "1", user=False)


async def test_news_is_found_once_for_those_who_want_it_after_the_commit(telling: Telling) -> None:
    pool = telling.pool
    await telling.channel(ChannelKind.TELEGRAM, "1")
    await telling.channel(ChannelKind.TELEGRAM, "2", minimum=Severity.WARNING)
    await telling.channel(ChannelKind.TELEGRAM, "3", user=False)
    for notice in notice_items.FIND:
        assert not await notice_items.find_news(pool, notice)
    async with pool.acquire() as connection:
        signal_id = await make_signal(connection)
        await make_intents(connection, signal_id, telling.accounts)
        denied_id = await make_signal(connection)
        await connection.execute(
            "INSERT INTO intent (signal_id, account_id, user_id, lane, state, reason, detail, planned_at) "
            "VALUES ($1, $2, $3, 1, 'denied', 'MAX_POSITIONS', '2 of 2', clock_timestamp())",
            denied_id, telling.accounts[0], telling.user_id,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO outcome (signal_id, account_id, user_id, result, reason, at) VALUES ($1, $2, $4, 'rejected', "
            "'INSUFFICIENT_FUNDS', clock_timestamp()), ($1, $3, $4, 'ordered', NULL, clock_timestamp())",
            signal_id, *telling.accounts, telling.user_id,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO position (account_id, symbol, side, user_id, signal_id, protection, qty, entry_price, stop_price, "
            "opened_at, protected_at) VALUES ($1, $2, 'long', $3, $4, 'protected', 1.5, 1234.5, 1200, now(), clock_timestamp())",
            telling.accounts[1], SYMBOL, telling.user_id, signal_id,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, signal_id, result) "
            "VALUES ($1, clock_timestamp(), $2, 'short', $3, $4, -12.5)",
            telling.accounts[0], SYMBOL, telling.user_id, signal_id,
        )  # fmt: skip
    for _ in range(2):
        for notice in notice_items.FIND:
            assert not await notice_items.find_news(pool, notice)
    rows = await pool.fetch("SELECT channel_id, notice, facts FROM notice_item ORDER BY notice, item_id")
    assert {row["channel_id"] for row in rows} == {1}
    told = [
        (row["notice"], row["facts"].get("became") or row["facts"].get("result") or row["facts"]["entry_price"]) for row in rows
    ]
    assert sorted(told) == [
        ("entry_not_made", "denied"),
        ("entry_not_made", "rejected"),
        ("position_closed", "-12.5"),
        ("position_protected", "1234.5"),
    ]
    await telling.round()
    assert await telling.messages() == []
    await pool.execute("UPDATE notice_item SET due_at = now() WHERE held")
    await telling.round()
    assert [len(message) for message in await telling.messages()] == [4]


async def test_what_was_missed_is_caught_up_with_in_steps(telling: Telling) -> None:
    await telling.channel(ChannelKind.TELEGRAM, "1")
    await telling.pool.execute("UPDATE notice_channel SET confirmed_at = now() - interval '1 day'")
    await telling.pool.execute(
        "INSERT INTO notice_look (name, seen_until) VALUES ('position_closed', now() - interval '12 minutes')"
    )
    await telling.pool.execute(
        "INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, result) "
        "SELECT $1, now() - make_interval(mins => n), $2, 'long', $3, 1 FROM generate_series(0, 20) n",
        telling.accounts[0], SYMBOL, telling.user_id,
    )  # fmt: skip
    steps = 1
    while await notice_items.find_news(telling.pool, Notice.POSITION_CLOSED):
        steps += 1
    assert steps == 3
    # Twelve minutes, and the overlap before them.
    assert await telling.pool.fetchval("SELECT count(*) FROM notice_item") in (14, 15)


async def test_a_page_of_channels_at_a_time_finds_all(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_items, "LOOK_PAGE", 2)
    for number in range(5):
        await telling.channel(ChannelKind.TELEGRAM, str(number))
    assert not await notice_items.find_news(telling.pool, Notice.POSITION_CLOSED)
    await telling.pool.execute(
        "INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, result) "
        "VALUES ($1, clock_timestamp(), $2, 'long', $3, 1)",
        telling.accounts[0], SYMBOL, telling.user_id,
    )  # fmt: skip
    await notice_items.find_news(telling.pool, Notice.POSITION_CLOSED)
    assert await telling.pool.fetchval("SELECT count(DISTINCT channel_id) FROM notice_item") == 5


async def test_the_day_is_summed_up_once_for_users_and_the_operator(telling: Telling) -> None:
    pool = telling.pool
    await telling.channel(ChannelKind.TELEGRAM, "1")
    await telling.channel(ChannelKind.TELEGRAM, "2", user=False)
    await notice_items.summarize_yesterday(pool)
    assert await pool.fetchval("SELECT count(*) FROM notice_item") == 0, "they were not here yesterday"
    await pool.execute("UPDATE notice_channel SET confirmed_at = now() - interval '2 days'")
    await pool.execute(
        "INSERT INTO realized_result (account_id, closed_at, symbol, side, user_id, result) "
        "SELECT $1, date_trunc('day', now(), 'UTC') - make_interval(hours => n), $2, 'long', $3, n FROM generate_series(1, 3) n",
        telling.accounts[0], SYMBOL, telling.user_id,
    )  # fmt: skip
    for _ in range(2):
        await notice_items.summarize_yesterday(pool)
    rows = {row["notice"]: row["facts"] for row in await pool.fetch("SELECT notice, facts FROM notice_item")}
    assert set(rows) == {"daily_summary", "operator_summary"}
    assert (rows["daily_summary"]["closed"], rows["daily_summary"]["result"]) == (3, "6")
    assert rows["operator_summary"]["ready"] == 2
    await telling.round()
    assert sorted(await telling.messages()) == [["daily_summary"], ["operator_summary"]]


async def test_what_waits_for_a_channel_goes_with_it(database: str, telling: Telling) -> None:
    channel = await telling.channel(ChannelKind.TELEGRAM, "42")
    await telling.ask(Notice.POSITION_UNPROTECTED, "1", label="main")
    await telling.ask(Notice.NEW_LOGIN, "2")
    async with telling.pool.acquire() as connection:
        assert not await channels.remove_channel(connection, None, channel.channel_id)
        assert await channels.remove_channel(connection, telling.user_id, channel.channel_id)
    async with telling.working(database):
        await until(lambda: telling.pool.fetchval("SELECT done_at IS NOT NULL FROM job WHERE kind = 'tell'"))
    assert telling.services.got.empty()
    assert await telling.pool.fetchval("SELECT count(*) FROM notice_item") == 0


async def test_no_secret_stands_in_a_row_or_in_what_failed(
    database: str, telling: Telling, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bot's token is in a path, and so are the secrets of Discord and Slack: whatever goes wrong, none of them is said."""
    services = telling.services
    services.answers = [(500, {"error": "x"})] * 3
    await telling.channel(ChannelKind.TELEGRAM, "42")
    await telling.channel(ChannelKind.DISCORD, services.discord)
    await telling.channel(ChannelKind.SLACK, services.slack)
    await telling.ask(Notice.POSITION_UNPROTECTED, "1", label="main")
    async with telling.working(database):
        for _ in range(3):
            await services.one()
        await until(lambda: telling.pool.fetchval("SELECT count(*) = 3 FROM job WHERE failed IS NOT NULL"))
    said = str(capsys.readouterr())
    for table in ("job", "notice_channel", "notice_item", "notice_look"):
        said += str(await telling.pool.fetch(f"SELECT t::text FROM {table} t"))
    assert "localhost answered 500" in said
    for secret in (BOT_TOKEN, "a-secret-of", "asecretofslack", SECRET):
        assert secret not in said


async def test_a_notice_arrives_at_a_mail_server(database: str, telling: Telling) -> None:
    """Over a socket, by what the installation sends its other letters with."""
    await telling.channel(ChannelKind.EMAIL, "ana@example.com", language=Spoken.PT_BR)
    async with receiving() as box:
        postman = Postman(MailServer.parse(f"smtp://127.0.0.1:{box.port}"), "bot@bot.example", SystemClock())

        async def arrived() -> bool:
            return bool(box.letters)

        async with telling.working(database, letters=postman):
            await telling.ask(Notice.POSITION_UNPROTECTED, "1", label="principal", venue="bybit", symbol="BTCUSDT", side="long")
            await until(arrived)
    (letter,) = box.letters
    assert (letter["To"], letter["From"]) == ("ana@example.com", "bot@bot.example")
    assert "MarketBot" in letter["Subject"]
    assert "conta principal (bybit) está sem stop confirmado" in " ".join(letter.get_content().split())
