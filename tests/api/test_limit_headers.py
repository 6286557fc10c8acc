"""What answers tell of the limits that counted them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.users.faces import faces_of

from marketbot.domain.limits import TOKEN_READS, USER_COMMANDS

from .conftest import TOKEN, Answer, Api

_STANDS = re.compile(r'"([a-z_]+)";r=([0-9]+);t=([0-9]+)')


def stands(answer: Answer) -> tuple[str, int, int]:
    found = _STANDS.fullmatch(answer.headers["ratelimit"])
    assert found is not None
    return found[1], int(found[2]), int(found[3])


async def test_what_is_read_tells_of_its_tokens_limit(database: str, tmp_path: Path) -> None:
    async with faces_of(database, tmp_path) as faces:
        first, second = [await faces.get("/v1/me", faces.ana) for _ in range(2)]
        name, remaining, within_s = stands(first)
        assert (name, within_s) == ("token_reads", 1)
        assert first.headers["ratelimit-policy"] == '"token_reads";q=300;w=15'
        assert remaining == TOKEN_READS.rate.burst - 1
        assert stands(second)[1] <= remaining
        assert "retry-after" not in first.headers


async def test_a_refused_change_is_counted_and_told_too_and_the_last_one_says_when_to_come_back(
    database: str, tmp_path: Path
) -> None:
    async with faces_of(database, tmp_path) as faces:
        found = [await faces.ask("PUT", "/v1/notices", faces.ana, {"url": ""}) for _ in range(USER_COMMANDS.rate.burst + 1)]
        assert [answer.status for answer in found] == [422] * USER_COMMANDS.rate.burst + [429]
        assert [stands(answer)[:2] for answer in found[:2]] == [("user_commands", 9), ("user_commands", 8)]
        assert stands(found[0])[2] == 6
        assert found[-1].headers["retry-after"] == str(stands(found[-1])[2])


async def test_a_signal_tells_how_its_sources_limit_stands(api: Api) -> None:
    taken = await api.post(b"BUY BTCUSDT", content_type="text/plain")
    body = b'{"symbol": "BTCUSDT", "action": "BUY"}'
    taken = await api.post(body)
    again = await api.post(body)
    nonsense = await api.post(b"{}")
    assert [answer.status for answer in (taken, again, nonsense)] == [202, 202, 422]
    names = [stands(answer)[0] for answer in (taken, again, nonsense)]
    assert names == ["source_address"] * 3
    assert stands(taken)[1] > stands(again)[1] > stands(nonsense)[1]


async def test_a_wrong_credential_is_told_how_many_more_are_listened_to(api: Api) -> None:
    assert stands(await api.get("/v1/me", token="mbu_" + "A" * 43))[:2] == ("login", 19)


async def test_what_nothing_counts_tells_of_none(api: Api) -> None:
    for path in ("/health/live", "/metrics"):
        assert "ratelimit" not in (await api.get(path, token=TOKEN)).headers
