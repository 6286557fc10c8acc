"""Channels end to end: what happened, through rows, rounds and jobs, to stand-ins of the services on real sockets."""

from __future__ import annotations

import asyncio
import hmac
import ssl

import pytest
from tests.people.mailbox import receiving

from marketbot.clock import SystemClock
from marketbot.domain.notice import ChannelKind, Notice, Severity, Spoken
from marketbot.jobs.tell import Means, tell_kind
from marketbot.mail.postman import Postman
from marketbot.mail.server import MailServer
from marketbot.store import channels, notices
from marketbot.store.jobs import ClaimedJob
from simexchange.wire.tls import Certificates

from .services import BOT_TOKEN
from .telling import SECRET, Telling, until


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
