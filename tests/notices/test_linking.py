"""Channels that must show who they are: a chat by its code, a mailbox by its letter, and how many an owner has."""

from __future__ import annotations

import asyncio

from marketbot.domain.notice import ChannelKind, Severity, Spoken
from marketbot.notices.codes import CODE_LIFE, code_sha256, make_link_code
from marketbot.store import channels
from marketbot.store.channels import ChannelRow, NewChannel, channel_aad

from .telling import Telling, until


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
