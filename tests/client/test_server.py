"""Both clients against the real server, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from tests.users.faces import Faces, faces_of

from marketbot_client import (
    ApiProblem,
    AsyncClient,
    Changed,
    Client,
    Reset,
    Unreachable,
    accounts,
    audit,
    closing,
    controls,
    desk,
    events,
    me,
    tokens,
    trades,
    users,
)
from marketbot_client.problem import AnswerUnreadable

DEADLINE_S = 20.0


@pytest.fixture
async def faces(database: str, tmp_path: Path) -> AsyncIterator[Faces]:
    async with faces_of(database, tmp_path) as made:
        yield made


def url(faces: Faces) -> str:
    return f"http://127.0.0.1:{faces.api.port}"


class Counting(httpx.AsyncBaseTransport):
    """Sends what it is given, and loses the answers to the first few after they were made."""

    def __init__(self, lost: int = 0) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._lost = lost
        self.keys: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.keys.append(request.headers.get("idempotency-key"))
        response = await self._inner.handle_async_request(request)
        if len(self.keys) <= self._lost:
            await response.aread()
            raise httpx.ReadError("lost on the way back")
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


async def at_once(_s: float) -> None:
    """Wait for nothing."""


async def test_what_is_answered_has_its_types(faces: Faces) -> None:
    async with AsyncClient(url(faces), faces.ana) as bot:
        found = await bot.do(me.show_me())
        assert (found.user.name, found.simulated) == ("user 1", True)
        account = (await bot.do(accounts.show_account(1))).account
        assert account.wallet_balance == Decimal(100)
        assert isinstance(account.wallet_balance, Decimal)
        assert account.created_at.tzinfo is not None
        changed = await bot.do(accounts.change_settings(1, leverage=3, stop_multiplier=Decimal("1.25"), allowed_symbols=None))
        assert (changed.account.leverage, changed.account.stop_multiplier) == (Decimal(3), Decimal("1.25"))
        taken_back = await bot.do(accounts.change_settings(1, leverage=None))
        assert (taken_back.account.leverage, taken_back.account.stop_multiplier) == (None, Decimal("1.25"))


def walk(base_url: str, token: str) -> list[tuple[int, int]]:
    with Client(base_url, token) as bot:
        return [(row.signal_id, row.account_id) for row in bot.each(trades.list_signals(limit=2))]


async def test_lists_are_walked_to_their_end(faces: Faces) -> None:
    waiting = await asyncio.to_thread(walk, url(faces), faces.ana)
    async with AsyncClient(url(faces), faces.ana) as bot:
        at_once_ = [(row.signal_id, row.account_id) async for row in bot.each(trades.list_signals())]
        assert at_once_ == waiting
        assert len(waiting) == len(set(waiting)) == 27
    async with AsyncClient(url(faces), faces.root) as bot:
        assert len([row async for row in bot.each(desk.list_signal_accounts(1, limit=4))]) == 6
        assert len([row async for row in bot.each(users.list_all_accounts(limit=5))]) == 6
        report = await bot.do(audit.show_control_report_markdown(until=datetime.now(UTC)))
        assert report.startswith("**SIMULATION**")


async def test_a_refusal_is_one_exception_that_says_why(faces: Faces) -> None:
    async with AsyncClient(url(faces), faces.ana, language="pt-BR") as bot:
        with pytest.raises(ApiProblem) as caught:
            await bot.do(accounts.change_settings(1, leverage=1000))
        problem = caught.value
        assert (problem.status, problem.reason) == (422, "SETTING_INVALID")
        assert problem.errors[0]["field"] == "leverage"
        assert problem.errors[0]["range"] == "1 .. 10"
        with pytest.raises(ApiProblem) as caught:
            await bot.do(accounts.show_account(2))
        assert (caught.value.reason, caught.value.title) == ("NOT_FOUND", "Não há nada aqui.")
        with pytest.raises(ApiProblem, match="SCOPE_MISSING"):
            await bot.do(users.list_users())


async def test_a_command_whose_answer_was_lost_is_sent_again_under_its_key_and_done_once(faces: Faces) -> None:
    transport = Counting(lost=2)
    before: int = await faces.store.fetchval("SELECT coalesce(max(command_id), 0) + 1 FROM control_command")
    async with AsyncClient(url(faces), faces.ana, transport=transport, sleep=at_once) as bot:
        done = await bot.do(closing.close_account(1))
    assert len(set(transport.keys)) == 1
    assert len(transport.keys) == 3
    assert transport.keys[0]
    made = await faces.store.fetch("SELECT command_id FROM control_command WHERE kind = 'close' AND command_id >= $1", before)
    assert [row["command_id"] for row in made] == [done.command_id]


async def test_a_change_whose_answer_was_lost_is_left_to_the_caller(faces: Faces) -> None:
    transport = Counting(lost=1)
    async with AsyncClient(url(faces), faces.ana, transport=transport, sleep=at_once) as bot:
        with pytest.raises(Unreachable) as caught:
            await bot.do(tokens.make_token(name="reader", scopes=["orders:read"]))
    assert caught.value.sent
    assert len(transport.keys) == 1


async def change_for_ever(bot: AsyncClient) -> None:
    while True:
        await bot.do(accounts.change_settings(1, paused=False))


async def read_for_ever(stream: AsyncIterator[object]) -> None:
    async for _ in stream:
        pass


async def test_who_is_over_a_limit_waits_as_long_as_asked(faces: Faces) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    async with AsyncClient(url(faces), faces.ana, sleep=note) as bot:
        with pytest.raises(ApiProblem) as caught:
            await change_for_ever(bot)
    assert caught.value.reason == "RATE_LIMIT_EXCEEDED"
    assert caught.value.retry_after_s is not None
    assert len(waits) == 3
    assert min(waits) >= 1


async def test_a_stream_is_followed_and_taken_up_again(faces: Faces) -> None:
    async with AsyncClient(url(faces), faces.ana, sleep=at_once) as bot, asyncio.timeout(DEADLINE_S):
        stream = bot.follow(events.follow_events())
        assert await anext(stream) == Reset()
        await bot.do(accounts.change_settings(1, paused=True))
        heard = await anext(stream)
        assert isinstance(heard, Changed)
        assert "accounts" in heard.kinds
        # Its token goes: the stream ends, and who comes back is told so.
        await faces.ask("DELETE", "/v1/operator/tokens/1", faces.root)
        with pytest.raises(ApiProblem, match="TOKEN_INVALID"):
            await read_for_ever(stream)


def follow_from(base_url: str, token: str, last_event_id: str) -> object:
    with Client(base_url, token) as bot:
        return next(bot.follow(events.follow_events(), last_event_id))


async def test_a_stream_goes_on_from_where_it_was(faces: Faces) -> None:
    just_now = str(int(datetime.now(UTC).timestamp() * 1_000_000))
    heard = await asyncio.to_thread(follow_from, url(faces), faces.ana, just_now)
    assert isinstance(heard, Changed)
    assert "controls" in heard.kinds


async def test_operators_command_and_watch(faces: Faces) -> None:
    async with AsyncClient(url(faces), faces.root) as bot:
        touched = await bot.do(controls.preview_control(scope="user", key=1))
        assert touched.accounts == 3
        assert isinstance(touched.notional_at_entry, Decimal)
        halted = await bot.do(controls.halt(scope="user", key=1, reason="a test"))
        assert (await bot.do(controls.show_command(halted.command_id))).reason == "a test"


async def test_what_is_no_answer_of_ours_is_told_apart() -> None:
    page = httpx.MockTransport(lambda _request: httpx.Response(502, html="<h1>Bad gateway</h1>"))
    async with AsyncClient("http://127.0.0.1:1", "mbu_x", transport=page, sleep=at_once) as bot:
        with pytest.raises(AnswerUnreadable, match="502"):
            await bot.do(me.show_me())
    async with AsyncClient("http://127.0.0.1:1", "mbu_x", sleep=at_once) as bot:
        with pytest.raises(Unreachable) as caught:
            await bot.do(accounts.change_settings(1, paused=True))
        assert not caught.value.sent


def test_nothing_secret_is_shown() -> None:
    token = "mbu_" + "s" * 43
    with Client("http://127.0.0.1:1", token) as bot:
        assert token not in repr(bot) + repr(vars(bot))
    call = accounts.connect_account(label="a", venue="bybit", api_key="the-key-itself", api_secret="the-secret-itself")
    assert "itself" not in repr(call)
