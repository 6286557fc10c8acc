"""A login tells nothing by its length: whoever is not there, is wrong, locked or disabled costs the same hash and the same reads.

Work is counted, for a clock on a busy machine would tell nothing: hash verifications with their costs, and statements with their rows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest
from argon2 import PasswordHasher, extract_parameters
from tests.api.conftest import Answer

from .bodies import PASSWORD
from .siege import FORM, HTML, Siege, siege_of

WRONG = "um outro punhado de palavras"
EMAILS = {
    "wrong": "ana@club.example",
    "unknown": "nobody@club.example",
    "no address": "no address at all",
    "locked": "rui@club.example",
    "disabled": "auditor@club.example",
    "staff": "admin@club.example",
}
SPARED_MAX = 4
"""Statements that a known person's wrong password takes more (the count of failures, the lock, the record, in one transaction): they come
after the hash, whose 150 ms they vanish in."""


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int, int]]:
    """Return the costs of each verification, as they come."""
    seen: list[tuple[int, int, int, int]] = []
    verify = PasswordHasher.verify

    def noting(self: PasswordHasher, hash: str, password: str) -> object:
        found = extract_parameters(hash)
        seen.append((found.memory_cost, found.time_cost, found.parallelism, found.hash_len))
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", noting)
    return seen


async def prepare(siege: Siege) -> None:
    await siege.store.execute("UPDATE person SET locked_until = now() + interval '1 hour' WHERE email = $1", EMAILS["locked"])
    await siege.store.execute("UPDATE person SET disabled_at = now() WHERE email = $1", EMAILS["disabled"])


async def by_api(siege: Siege, email: str, password: str, **headers: str) -> Answer:
    body = f'{{"email": "{email}", "password": "{password}"}}'.encode()
    return await siege.api.send("POST", "/v1/session", body, content_type="application/json", **headers)


async def by_form(siege: Siege, email: str, password: str) -> Answer:
    return await siege.api.send(
        "POST", "/login", urlencode({"email": email, "password": password}).encode(), content_type=FORM, accept=HTML
    )


@pytest.mark.parametrize("log_in", [by_api, by_form])
async def test_one_hash_of_the_same_costs_whoever_it_is(
    siege: Siege, hashes: list[tuple[int, int, int, int]], log_in: Callable[[Siege, str, str], Awaitable[Answer]]
) -> None:
    await prepare(siege)
    answers = {}
    for case, email in EMAILS.items():
        before = len(hashes)
        answers[case] = await log_in(siege, email, WRONG)
        assert len(hashes) == before + 1, case
    # The lock refuses the right password too, after the same work.
    answers["locked and right"] = await log_in(siege, EMAILS["locked"], PASSWORD)
    assert len(hashes) == len(EMAILS) + 1
    assert len(set(hashes)) == 1
    assert (
        len({(each.status, each.body.replace(EMAILS[case.partition(" and")[0]].encode(), b"")) for case, each in answers.items()})
        == 1
    )
    assert all("set-cookie" not in each.headers for each in answers.values())


async def test_a_forgotten_password_leaves_the_same_behind_whoever_it_is(siege: Siege) -> None:
    """Without a mail server: the same refusal, no job and no link, for an address that is here and one that is not."""
    answers = []
    for email in EMAILS.values():
        before = await siege.digest()
        if "@" in email:
            body = f'{{"email": "{email}", "language": "en"}}'.encode()
            answers.append(await siege.api.send("POST", "/v1/password/forgot", body, content_type="application/json"))
            assert await siege.digest() == before
    assert len({(each.status, each.body) for each in answers}) == 1


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, hashes: list[tuple[int, int, int, int]]) -> list[str]:
    """Return what is done in this process, as it comes: statements by their first word, and hashes."""
    done: list[str] = []
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, noting_statements(getattr(asyncpg.Connection, name), done))
    verify = PasswordHasher.verify

    def noting(self: PasswordHasher, hash: str, password: str) -> object:
        done.append("HASH")
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", noting)
    return done


def noting_statements(method: Callable[..., Awaitable[Any]], done: list[str]) -> Callable[..., Awaitable[Any]]:
    async def noted(self: asyncpg.Connection[Any], query: str, *arguments: Any, **more: Any) -> Any:
        done.append(query.split()[0])
        return await method(self, query, *arguments, **more)

    return noted


async def test_up_to_the_hash_the_statements_are_the_same_and_after_it_few_more(
    database: str, tmp_path: Path, patient: None, work: list[str]
) -> None:
    async with siege_of(database, tmp_path, trusted_proxies=("127.0.0.1/32",)) as siege:
        await prepare(siege)
        before: dict[str, list[str]] = {}
        after: dict[str, int] = {}
        for case, email in EMAILS.items():
            await by_api(
                siege, email, WRONG, x_forwarded_for="198.51.100.7"
            )  # What a first request looks up for good is known now.
            work.clear()
            await by_api(siege, email, WRONG, x_forwarded_for="198.51.100.7")
            before[case], after[case] = work[: work.index("HASH")], len(work) - work.index("HASH") - 1
        assert all(each == before["unknown"] for each in before.values()), before
        assert len(before["unknown"]) == 2
        assert after["unknown"] == after["no address"]
        assert max(after.values()) - min(after.values()) <= SPARED_MAX, after
