"""Whatever is sent: an answer of ours, never a failure, and nothing changed by what was refused.

``MARKETBOT_FUZZ_SEED`` and ``MARKETBOT_FUZZ_EXAMPLES`` draw others; a failure prints what was sent, made as small as it gets.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, note, seed, settings
from hypothesis import strategies as st
from tests.api.conftest import Answer

from .addresses import WORDS, Address
from .garbage import Wire, cookie_headers, form_bodies, json_bodies, odd_headers, queries, quoted, texts, usual_headers
from .siege import ANA, NOBODY, Caller, Siege, body_of, encoded

SEED = int(os.environ.get("MARKETBOT_FUZZ_SEED", "20261130"))
EXAMPLES = int(os.environ.get("MARKETBOT_FUZZ_EXAMPLES", "250"))
STREAMS = ("/v1/events", "/v1/operator/events")
ENDING = frozenset({
    "/logout", "/v1/session", "/v1/sessions", "/v1/sessions/{session_id:int}", "/profile/sessions", "/v1/tokens/{token_id:int}",
    "/v1/operator/tokens/{token_id:int}", "/profile/password", "/v1/session/password", "/second-factor/confirm", "/second-factor/end",
    "/v1/operator/people/{person_id:int}", "/operator/people/{person_id:int}", "/v1/operator/users/{user_id:int}",
    "/operator/tokens/{token_id:int}/revoke", "/operator/users/{user_id:int}",
})  # fmt: skip
"""What may end the session or token that is shown: it would be fuzzed once, and all others never."""
ANSWER_DEADLINE_S = 60.0
LEAKS = (b"Traceback", b"asyncpg", b"psycopg", b"litestar", b"jinja2", b"SELECT ", b'File "', b"Error:", b"site-packages")
BY_THE_SERVER = frozenset({400, 413, 414, 417, 431, 501})
"""What is no HTTP is refused before the application, with nothing but a status."""


class Bombardment:
    """Sends from hypothesis's thread to the server in the test's loop, and judges each answer."""

    def __init__(self, siege: Siege, addresses: list[Address], numbers: dict[str, int], digest: dict[str, str]) -> None:
        self.siege = siege
        self.addresses = [each for each in addresses if each.path not in STREAMS]
        self.numbers = numbers
        self.digest = digest
        self.seen: Counter[int] = Counter()
        self._loop = asyncio.get_running_loop()

    def send(self, wire: Wire, *, by_the_server: bool = False) -> None:
        """Send from hypothesis's thread, and have the answer judged."""
        note(wire.encoded().decode("latin-1")[:3_000])
        judged = self._judge(wire, by_the_server=by_the_server)
        event(f"status {asyncio.run_coroutine_threadsafe(judged, self._loop).result(ANSWER_DEADLINE_S)}")

    def who(self, address: Address) -> Caller:
        if not address.guarded:
            return NOBODY
        if address.writes and address.path in ENDING:
            return self.siege.sessions["auditor"] if address.of_users else self.siege.sessions["rui"]
        if address.of_staff:
            return self.siege.sessions["admin"]
        return self.siege.sessions["ana"]

    def path(self, address: Address) -> str:
        return address.at(self.numbers)

    async def _judge(self, wire: Wire, *, by_the_server: bool) -> int:
        answer = await self.siege.api.raw(wire.encoded())
        self.seen[answer.status] += 1
        assert answer.status < 500, (answer.status, answer.body[:500])
        assert not [each for each in LEAKS if each in answer.body and not wire.target.startswith(b"/static/")], answer.body[
            :2_000
        ]
        if answer.status >= 400:
            if not (by_the_server and answer.status in BY_THE_SERVER and not answer.body):
                is_told(answer)
            assert await self.siege.digest() == self.digest, (wire, answer.status)
        else:
            self.digest = await self.siege.digest()
        return answer.status


def is_told(answer: Answer) -> None:
    media = answer.headers.get("content-type", "")
    if media == "application/problem+json":
        assert {"title", "status", "reason"} <= answer.json.keys(), answer.json
        assert answer.json["status"] == answer.status
    else:
        assert media == "text/html; charset=utf-8", (answer.status, answer.headers, answer.body[:200])
        assert answer.body.startswith(b"<!doctype html>"), answer.body[:200]
        assert "content-security-policy" in answer.headers


@pytest.fixture
async def bombardment(siege: Siege, addresses: list[Address]) -> Bombardment:
    await siege.store.execute("INSERT INTO known_symbol (venue, environment, symbol) VALUES ('binance', 'mainnet', 'BTCUSDT')")
    return Bombardment(siege, addresses, await siege.numbers_of(ANA), await siege.digest())


async def drawing(examples: int, test: Callable[..., None], **drawn: st.SearchStrategy[Any]) -> None:
    """Have hypothesis draw in a thread of its own, for the loop serves."""
    bounded = settings(
        max_examples=examples, database=None, print_blob=True, deadline=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    await asyncio.to_thread(seed(SEED)(bounded(given(**drawn)(test))))


async def test_bodies(bombardment: Bombardment) -> None:
    writing = [each for each in bombardment.addresses if each.writes]

    def sent(data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(writing), label="address")
        who = bombardment.who(address)
        csrf = who.login.csrf if who.login is not None else ""
        body = data.draw(form_bodies(address, csrf) if address.page else json_bodies(address), label="body")
        headers = tuple(usual_headers(address, who).items())
        bombardment.send(Wire(address.method, bombardment.path(address).encode(), headers, body))

    await drawing(2 * EXAMPLES, sent, data=st.data())
    assert bombardment.seen.keys() >= {200, 303, 400, 422}, bombardment.seen


async def test_queries(bombardment: Bombardment) -> None:
    reading = [each for each in bombardment.addresses if not each.writes]

    def sent(data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(reading), label="address")
        target = bombardment.path(address).encode() + data.draw(queries(), label="query")
        headers = tuple(usual_headers(address, bombardment.who(address)).items())
        bombardment.send(Wire(address.method, target, headers))

    await drawing(EXAMPLES, sent, data=st.data())
    assert bombardment.seen.keys() >= {200, 400}, bombardment.seen


async def test_paths(bombardment: Bombardment) -> None:
    named = [each for each in bombardment.addresses if "{" in each.path]

    def sent(data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(named), label="address")
        word = data.draw(
            texts().map(quoted) | st.binary(min_size=1, max_size=9).map(lambda each: "".join(f"%{byte:02X}" for byte in each))
        )
        names = {**bombardment.numbers, **WORDS}
        name = data.draw(st.sampled_from([each for each in names if f"{{{each}:" in address.path]))
        target = address.at(names | {name: word}).encode()
        who = bombardment.who(address)
        body, _ = encoded(address, body_of(address), who)
        bombardment.send(Wire(address.method, target, tuple(usual_headers(address, who).items()), body), by_the_server=True)

    await drawing(EXAMPLES, sent, data=st.data())
    assert 404 in bombardment.seen, bombardment.seen


async def test_headers_and_cookies(bombardment: Bombardment) -> None:
    def sent(data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(bombardment.addresses), label="address")
        who = bombardment.who(address)
        headers = usual_headers(address, who)
        if data.draw(st.booleans()):
            headers["cookie"] = data.draw(cookie_headers(who.headers.get("cookie", "x=y")), label="cookie")
        headers |= dict(data.draw(odd_headers(), label="headers"))
        body, _ = encoded(address, body_of(address), who)
        wire = Wire(address.method, bombardment.path(address).encode(), tuple(headers.items()), body)
        bombardment.send(wire, by_the_server=True)

    await drawing(2 * EXAMPLES, sent, data=st.data())
    assert bombardment.seen.keys() >= {200, 303, 400, 403}, bombardment.seen
