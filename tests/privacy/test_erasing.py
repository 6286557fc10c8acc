"""An erasure: asked for, taken back, held up by what is open, and thorough when it is done. The books and the chain hold."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from tests.api.conftest import TOKEN
from tests.people.conftest import PASSWORD, code_now
from tests.people.mailbox import receiving

from marketbot.audit.books import check_books
from marketbot.backup.tables import tables
from marketbot.clock import SystemClock
from marketbot.domain.gcra import Rate
from marketbot.jobs.letters import letter_kind
from marketbot.mail.postman import Postman
from marketbot.mail.server import MailServer
from marketbot.people.letters import JOB
from marketbot.privacy import erasing
from marketbot.privacy.erasing import erase_due
from marketbot.store.audit_trail import verify
from marketbot.store.jobs import ClaimedJob
from marketbot.store.personal_data import PARTS
from marketbot.store.personal_part import Fate

from .conftest import Lives
from .life import address, canaries

BOOKS = ("intent", "orders", "order_event", "outcome", "position", "realized_result", "unconfirmed_order")


async def everything(lives: Lives) -> dict[str, str]:
    """Return every table as one text."""
    found = {}
    for table in await tables(lives.town.store):
        rows = await lives.pool.fetch(f"SELECT t::text AS row FROM {table.name} t")
        found[table.name] = "\n".join(row["row"] for row in rows)
    return found


async def book(lives: Lives, user_id: int) -> dict[str, list[Any]]:
    return {name: await lives.pool.fetch(f"SELECT * FROM {name} WHERE user_id = $1", user_id) for name in BOOKS}


async def over(lives: Lives) -> None:
    """Let the wait be over."""
    await lives.pool.execute("UPDATE erasure SET due_at = asked_at")


async def settle(lives: Lives, name: str) -> None:
    """Leave nothing open of somebody's life: what is in doubt blocks."""
    await lives.pool.execute("DELETE FROM unconfirmed_order WHERE user_id = $1", await lives.user(name))


async def hold_position(lives: Lives, name: str) -> None:
    await lives.pool.execute(
        "UPDATE position SET protection = 'naked', closed_at = NULL, qty = 1 WHERE user_id = $1", await lives.user(name)
    )


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECOND_FACTOR", "LOGIN_ADDRESS"):
        monkeypatch.setattr(erasing, name, replace(getattr(erasing, name), rate=Rate.per(100_000, 60)))


async def ask(lives: Lives, name: str, **more: Any) -> Any:
    browser = await lives.town.inside(name)
    return await browser.ask("POST", "/v1/me/erasure", {"password": PASSWORD, **more})


async def test_what_tells_who_somebody_was_is_gone_and_the_books_stay(lives: Lives) -> None:
    user_id, person_id = await lives.user("user"), lives.person("user")
    before, others = await book(lives, user_id), await book(lives, await lives.user("rui"))
    found = await check_books(lives.town.store)
    told = "\n".join((await everything(lives)).values())
    assert [each for each in canaries("user") if each not in told] == []

    assert (await ask(lives, "user")).status == 202
    assert await erase_due(lives.pool, lives.town.vault) == 0, "its time has not come"
    assert await lives.pool.fetchval("SELECT bool_and(paused) FROM account WHERE user_id = $1", user_id)
    await over(lives)
    assert await erase_due(lives.pool, lives.town.vault) == 1
    assert await erase_due(lives.pool, lives.town.vault) == 0

    after = await everything(lives)
    for canary in canaries("user"):
        assert [table for table, text in after.items() if canary in text] == [], canary
    assert [each for each in canaries("rui") if each not in "\n".join(after.values())] == []
    assert await book(lives, user_id) == before
    assert await book(lives, await lives.user("rui")) == others
    assert await check_books(lives.town.store) == found
    proof = await verify(lives.town.store)
    assert proof.holds, proof.fault
    row = await lives.pool.fetchrow("SELECT email, name, password_hash, totp_sealed FROM person WHERE person_id = $1", person_id)
    assert tuple(row or ()) == (f"erased-{person_id}@erased.invalid", "erased", "erased", None)
    keys = await lives.pool.fetchrow("SELECT api_key_sealed, api_secret_sealed, label FROM account WHERE user_id = $1", user_id)
    assert tuple(keys or ())[:2] == (b"", b"")
    assert await lives.pool.fetchval("SELECT count(*) FROM data_key WHERE user_id = $1", user_id) == 0


async def test_the_register_says_what_becomes_of_every_table(lives: Lives) -> None:
    counts = {part.table: await own_rows(lives, part.table) for part in PARTS}
    assert {table for table, count in counts.items() if not count} == {"erasure"}
    await ask(lives, "user", force=True)
    await over(lives)
    await erase_due(lives.pool, lives.town.vault)
    for part in PARTS:
        left = await own_rows(lives, part.table)
        if part.fate is Fate.GOES:
            assert left == 0, part.table
        elif part.table != "erasure":
            assert left == counts[part.table], part.table


async def own_rows(lives: Lives, table: str) -> int:
    """Count somebody's rows in a table, by the export's own statement."""
    part = next(part for part in PARTS if part.table == table)
    person_id, user_id = lives.person("user"), await lives.user("user")
    owners: list[tuple[int, ...]] = [(person_id,)] if part.owner.value == "person" else [(user_id,)]
    if part.owner.value == "account":
        accounts = await lives.pool.fetch("SELECT account_id FROM account WHERE user_id = $1", user_id)
        owners = [(row["account_id"], user_id) for row in accounts]
    return sum([len(await lives.pool.fetch(part.sql, *owner, *part.start, 1_000)) for owner in owners])


async def test_nobody_comes_in_as_somebody_who_was_erased(lives: Lives) -> None:
    browser = await lives.town.inside("user")
    await browser.ask("POST", "/v1/me/erasure", {"password": PASSWORD})
    await over(lives)
    await erase_due(lives.pool, lives.town.vault)
    other = await lives.town.inside("rui")
    assert (await other.ask("GET", "/v1/me")).status == 200
    person_id, user_id = lives.person("user"), await lives.user("user")
    for email in ("user@example.org", f"erased-{person_id}@erased.invalid"):
        for password in (PASSWORD, "erased"):
            assert (await lives.town.browser().log_in(email, password)).json["reason"] == "LOGIN_FAILED"
    assert await lives.pool.fetchval("SELECT count(*) FROM login_session WHERE person_id = $1", person_id) == 0
    admin = await lives.town.inside("admin")
    enabled = await admin.ask("PATCH", f"/v1/operator/people/{person_id}", {"disabled": False})
    assert enabled.json["reason"] == "NOT_FOUND"
    assert (await admin.ask("POST", f"/v1/operator/people/{person_id}/reset-link")).json["reason"] == "NOT_FOUND"
    assert (await admin.ask("POST", f"/v1/operator/people/{person_id}/erasure", {})).json["reason"] == "NOT_FOUND"
    assert (await admin.ask("PATCH", f"/v1/operator/users/{user_id}", {"enabled": True})).status == 404
    # The address is free for whoever has it.
    assert (await admin.ask("POST", "/v1/operator/invitations", {"email": "user@example.org", "role": "user"})).status == 201


async def test_what_is_open_stands_in_the_way_unless_it_may_stay(lives: Lives) -> None:
    await hold_position(lives, "user")
    refused = await ask(lives, "user")
    assert (refused.status, refused.json["reason"]) == (409, "PERSON_BUSY")
    assert "1 open positions (1 without a verified stop)" in refused.json["detail"]
    assert await lives.pool.fetchval("SELECT count(*) FROM erasure") == 0
    assert not await lives.pool.fetchval("SELECT bool_or(paused) FROM account")
    forced = await ask(lives, "user", force=True)
    assert (forced.status, forced.json["erasure"]["positions"], forced.json["erasure"]["forced"]) == (202, 1, True)
    await over(lives)
    assert await erase_due(lives.pool, lives.town.vault) == 1
    entry = await lives.pool.fetchrow("SELECT facts FROM audit_entry WHERE action = 'erased'")
    assert entry is not None
    assert (entry["facts"]["unprotected_positions"], entry["facts"]["protected_positions"]) == (1, 0)


async def test_one_that_was_opened_meanwhile_is_waited_for(lives: Lives) -> None:
    assert (await ask(lives, "user")).status == 202
    await over(lives)
    await hold_position(lives, "user")
    assert await erase_due(lives.pool, lives.town.vault) == 0
    browser = await lives.town.inside("user")
    shown = (await browser.ask("GET", "/v1/me/erasure")).json
    assert (shown["erasure"]["positions"], shown["erasure"]["done_at"]) == (1, None)
    assert shown["holdings"]["unprotected_positions"] == 1
    await lives.pool.execute("UPDATE position SET protection = 'closed', closed_at = now(), qty = 0")
    assert await erase_due(lives.pool, lives.town.vault) == 1


async def test_it_needs_the_password_and_the_second_factor_where_there_is_one(lives: Lives) -> None:
    browser = await lives.town.inside("operator")
    assert (await browser.ask("POST", "/v1/me/erasure", {"password": "no"})).json["reason"] == "PASSWORD_WRONG"
    assert (await browser.ask("POST", "/v1/me/erasure", {"password": PASSWORD})).json["reason"] == "CODE_INVALID"
    assert (await browser.ask("POST", "/v1/me/erasure", {"password": PASSWORD, "code": "12"})).json["reason"] == "CODE_INVALID"
    asked = await browser.ask("POST", "/v1/me/erasure", {"password": PASSWORD, "code": code_now()})
    assert (asked.status, asked.json["erasure"]["user_id"]) == (202, None)
    again = await browser.ask("POST", "/v1/me/erasure", {"password": PASSWORD, "code": code_now(1)})
    assert (again.status, again.json["reason"]) == (409, "ERASURE_OPEN")
    await over(lives)
    assert await erase_due(lives.pool, lives.town.vault) == 1


async def test_the_last_admin_stays(lives: Lives) -> None:
    browser = await lives.town.inside("admin")
    asked = await browser.ask("POST", "/v1/me/erasure", {"password": PASSWORD, "code": code_now()})
    assert asked.json["reason"] == "LAST_ADMIN"
    # Nor is one erased who has become the last meanwhile.
    person_id = lives.person("admin")
    await lives.pool.execute(
        "INSERT INTO erasure (person_id, asked_by, due_at, forced) VALUES ($1, 'themselves', now(), true)", person_id
    )
    assert await erase_due(lives.pool, lives.town.vault) == 0
    assert await lives.pool.fetchval("SELECT erased_at IS NULL FROM person WHERE person_id = $1", person_id)


async def test_it_is_taken_back_by_whoever_asked_and_by_the_link(lives: Lives) -> None:
    browser = await lives.town.inside("user")
    assert (await browser.ask("DELETE", "/v1/me/erasure")).status == 404
    for take_back in ("page", "link"):
        assert (await browser.ask("POST", "/v1/me/erasure", {"password": PASSWORD})).status == 202
        if take_back == "page":
            assert (await browser.ask("DELETE", "/v1/me/erasure")).json == {"kept": True}
        else:
            token = await link_of(lives)
            assert (await lives.town.browser().ask("POST", "/v1/erasure/keep", {"token": token})).json == {"kept": True}
            for worn in (token, "nonsense", token[::-1]):
                answer = await lives.town.browser().ask("POST", "/v1/erasure/keep", {"token": worn})
                assert (answer.status, answer.json["reason"]) == (410, "LINK_INVALID")
        await lives.pool.execute("UPDATE erasure SET due_at = asked_at")
        assert await erase_due(lives.pool, lives.town.vault) == 0
    assert await lives.pool.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'erasure_canceled'") == 2
    assert (await browser.ask("GET", "/v1/me")).status == 200


async def letters(lives: Lives) -> list[Any]:
    """Do what waits to be written; return the letters."""
    async with receiving() as box:
        postman = Postman(MailServer.parse(f"smtp://127.0.0.1:{box.port}"), "bot@bot.example", SystemClock())
        kind = letter_kind(lives.pool, lives.town.vault, postman, "https://bot.example")
        for row in await lives.pool.fetch("SELECT * FROM job WHERE kind = $1 AND done_at IS NULL ORDER BY job_id", JOB):
            await kind.handler(ClaimedJob(row["job_id"], row["kind"], row["key"], row["payload"], row["due_at"], None, 1, 8))
            await lives.pool.execute("UPDATE job SET done_at = now() WHERE job_id = $1", row["job_id"])
        return box.letters


async def link_of(lives: Lives) -> str:
    letter = (await letters(lives))[-1]
    assert (letter["To"], letter["Subject"]) == ("user@example.org", "Your MarketBot account will be erased")
    found = re.search(r"https://bot.example/keep#([A-Za-z0-9_-]{43})", letter.get_content())
    assert found is not None
    return found[1]


async def test_the_last_letter_finds_an_address_that_is_nowhere_else_any_more(lives: Lives) -> None:
    await ask(lives, "user")
    await over(lives)
    await erase_due(lives.pool, lives.town.vault)
    # The letter that would have told how to take it back is not written any more.
    (letter,) = await letters(lives)
    assert (letter["To"], letter["Subject"]) == ("user@example.org", "Your MarketBot account was erased")
    assert "user@example.org" not in str(await lives.pool.fetch("SELECT payload, key FROM job"))


async def test_an_operator_asks_for_anybodys_and_takes_it_back(lives: Lives) -> None:
    admin, manager = await lives.town.inside("admin"), await lives.town.inside("manager")
    person_id = lives.person("user")
    path = f"/v1/operator/people/{person_id}/erasure"
    assert (await manager.ask("POST", path, {})).json["reason"] == "SCOPE_MISSING"
    assert (await admin.ask("POST", "/v1/operator/people/999/erasure", {})).status == 404
    asked = await admin.ask("POST", path, {})
    assert (asked.status, asked.json["erasure"]["asked_by"]) == (202, "operator")
    number = asked.json["erasure"]["erasure_id"]
    assert (await admin.ask("DELETE", f"/v1/operator/erasures/{number}")).json == {"kept": True}
    assert (await admin.ask("DELETE", f"/v1/operator/erasures/{number}")).status == 404
    # A user who never logged in is asked for by the user's number.
    user_id = await lives.pool.fetchval("INSERT INTO app_user (name) VALUES ('by file') RETURNING user_id")
    made = await admin.ask("POST", f"/v1/operator/users/{user_id}/erasure", {})
    assert (made.status, made.json["erasure"]["person_id"]) == (202, None)
    await over(lives)
    assert await erase_due(lives.pool, lives.town.vault) == 1
    assert await lives.pool.fetchval("SELECT name FROM app_user WHERE user_id = $1", user_id) == f"erased-{user_id}"
    listed = (await manager.ask("GET", "/v1/operator/erasures")).json["erasures"]
    assert [(row["person_id"], row["done_at"] is None, row["canceled_at"] is None) for row in listed] == [
        (None, False, True),
        (person_id, True, False),
    ]
    assert not [each for each in canaries("user") if each in orjson.dumps(listed).decode()]
    # The operator's token may, too: it is whoever runs the installation.
    assert (await lives.town.browser().ask("GET", "/v1/operator/erasures", authorization=f"Bearer {TOKEN}")).status == 200


async def test_the_books_of_an_erased_address_hold_no_address(lives: Lives) -> None:
    await ask(lives, "user")
    await over(lives)
    await erase_due(lives.pool, lives.town.vault)
    rows = await lives.pool.fetch("SELECT address FROM audit_address")
    assert address("rui") in {row["address"] for row in rows}
    assert address("user") not in {row["address"] for row in rows}
