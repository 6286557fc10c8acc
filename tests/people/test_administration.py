"""What admins do about people, what the schema holds of it, and who cannot be removed."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import asyncpg
import pytest
from tests.live.reader import Reader
from tests.users.test_tokens import HandClock

from marketbot.api.database import Database
from marketbot.api.problems import ApiReason
from marketbot.api.session_register import SESSION_AGE_S, SessionRegister
from marketbot.domain.audit_entry import Actor, ActorKind
from marketbot.domain.person import Locale
from marketbot.domain.role import ROLE_SCOPES, Role
from marketbot.people.administration import PersonChange, change_person
from marketbot.people.bearer import make_bearer
from marketbot.people.reception import Refusal
from marketbot.store.one_time_links import LinkKind
from marketbot.store.pool import open_pool
from marketbot.store.retention import prune_logins
from marketbot.store.sessions import create_session

from .conftest import LIFE, PASSWORD, SECRET, Town


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ("person_role", list(Role)),
        ("invitation_role", list(Role)),
        ("person_language", list(Locale)),
        ("invitation_language", list(Locale)),
        ("one_time_link_kind", list(LinkKind)),
    ],
)
async def test_the_schema_has_the_codes_words(town: Town, constraint: str, words: list[str]) -> None:
    told = await town.store.fetchval("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", constraint)
    assert set(re.findall(r"'([^']*)'::text", told)) == set(words)


async def test_a_user_has_rows_and_staff_have_none(town: Town) -> None:
    for change in (
        "role = 'admin' WHERE role = 'user'",
        "user_id = 1 WHERE role = 'admin'",
        "user_id = NULL WHERE role = 'user'",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await town.store.execute(f"UPDATE person SET {change}")
    with pytest.raises(asyncpg.UniqueViolationError):
        await town.store.execute(
            "INSERT INTO person (email, name, role, password_hash) VALUES ('ADMIN@example.org', 'x', 'admin', 'x')"
        )


async def test_the_last_admin_stays(town: Town) -> None:
    admin = await town.inside("admin")
    path = f"/v1/operator/people/{town.people['admin']}"
    for change in ({"role": "operator"}, {"disabled": True}):
        assert (await admin.ask("PATCH", path, change)).json["reason"] == "LAST_ADMIN"
    other = f"/v1/operator/people/{town.people['manager']}"
    assert (await admin.ask("PATCH", other, {"role": "admin"})).json["role"] == "admin"
    assert (await admin.ask("PATCH", path, {"role": "operator"})).status == 200
    # Who is less from now on logs in anew.
    assert (await admin.ask("GET", "/v1/operator/users")).status == 401


async def test_two_admins_cannot_remove_each_other_at_once(town: Town, database: str) -> None:
    await change_person(town.store, town.people["manager"], PersonChange(role=Role.ADMIN), Actor(ActorKind.SYSTEM))
    pool = await open_pool(database, name="test", size=2)
    try:

        async def demote(name: str) -> object:
            async with pool.acquire() as connection:
                return await change_person(
                    connection, town.people[name], PersonChange(role=Role.OPERATOR), Actor(ActorKind.SYSTEM)
                )

        done = await asyncio.gather(demote("admin"), demote("manager"))
    finally:
        await pool.close()
    assert done.count(Refusal.LAST_ADMIN) == 1
    assert await town.store.fetchval("SELECT count(*) FROM person WHERE role = 'admin'") == 1


async def test_a_user_stays_a_user_and_a_change_is_all_or_nothing(town: Town) -> None:
    admin = await town.inside("admin")
    for name, role in (("user", "operator"), ("operator", "user")):
        answer = await admin.ask("PATCH", f"/v1/operator/people/{town.people[name]}", {"role": role, "disabled": True})
        assert answer.json["reason"] == "ROLE_CHANGE_REFUSED"
    assert await town.store.fetchval("SELECT count(*) FROM person WHERE disabled_at IS NOT NULL") == 0
    for change in ({"role": "king"}, {"disabled": "yes"}, {"email": "x@example.org"}):
        answer = await admin.ask("PATCH", f"/v1/operator/people/{town.people['user']}", change)
        assert answer.json["reason"] == "FIELD_INVALID"
    assert (await admin.ask("PATCH", "/v1/operator/people/999", {"disabled": True})).status == 404


async def test_a_lost_second_factor_is_taken_away_by_an_admin(town: Town) -> None:
    admin, operator = await town.inside("admin"), await town.inside("operator")
    assert (await operator.ask("GET", "/v1/operator/users")).status == 200
    path = f"/v1/operator/people/{town.people['operator']}"
    assert (await admin.ask("PATCH", path, {"without_second_factor": True})).json["totp_confirmed_at"] is None
    assert (await operator.ask("GET", "/v1/operator/users")).status == 401
    assert (await town.browser().log_in("operator@example.org")).json["second_factor"] == "unenrolled"


async def test_people_are_listed_without_what_opens_anything(town: Town) -> None:
    answer = await (await town.inside("auditor")).ask("GET", "/v1/operator/people?limit=3")
    assert [each["name"] for each in answer.json["people"]] == ["admin", "manager", "operator"]
    assert answer.json["next"] is not None
    assert b"argon2" not in answer.body
    assert b"sealed" not in answer.body


async def test_a_change_elsewhere_holds_after_the_age_and_one_here_at_once(town: Town, database: str) -> None:
    pool = await open_pool(database, name="test", size=1)
    clock = HandClock()
    register = SessionRegister(Database(pool), clock)
    bearer = make_bearer()
    user = town.people["user"]
    session_id = await create_session(town.store, user, bearer.sha256, LIFE, "192.0.2.1", "", shown=False)
    try:
        caller = await register.identify(bearer.text)
        assert not isinstance(caller, ApiReason)
        assert (caller.person_id, caller.role, caller.session_id) == (user, Role.USER, session_id)
        assert caller.scopes == ROLE_SCOPES[Role.USER]
        await change_person(town.store, user, PersonChange(disabled=True), Actor(ActorKind.SYSTEM))
        clock.at += SESSION_AGE_S - 0.001
        assert await register.identify(bearer.text) == caller
        clock.at += 0.001
        assert await register.identify(bearer.text) is ApiReason.SESSION_INVALID
        await town.store.execute("UPDATE login_session SET revoked_at = NULL")
        register.forget_session(session_id)
        # Not revoked, but its person is shut out: it remembers nobody, for what it found belongs to nobody any more.
        clock.at += SESSION_AGE_S
        assert await register.identify(bearer.text) is ApiReason.USER_DISABLED
        await change_person(town.store, user, PersonChange(disabled=False), Actor(ActorKind.SYSTEM))
        register.forget_person(user)
        assert await register.identify(bearer.text) == caller
        for wrong in ("", "x" * 43, "x" * 9_000, "\ud800"):
            assert await register.identify(wrong) is ApiReason.SESSION_INVALID
        assert bearer.text not in repr(register)
        assert bearer.text not in repr(bearer)
    finally:
        await pool.close()


async def test_a_revoked_sessions_streams_end(town: Town) -> None:
    mine, other = await town.inside("user"), await town.inside("user")
    number = (await other.ask("GET", "/v1/session")).json["session_id"]
    reader, writer = await asyncio.open_connection("127.0.0.1", town.api.port)
    try:
        writer.write(f"GET /v1/events HTTP/1.1\r\nhost: localhost\r\ncookie: marketbot={other.cookie}\r\n\r\n".encode())
        stream = Reader(reader, writer)
        await stream.begin()
        assert stream.status == 200
        await stream.reset()
        assert (await mine.ask("DELETE", f"/v1/sessions/{number}")).status == 200
        while (message := await stream.next()) is not None and message.event != "end":
            pass
        assert message is not None
        assert message.data == {"reason": "session"}
    finally:
        writer.close()


async def test_what_ended_long_ago_is_forgotten(town: Town) -> None:
    await town.inside("user")
    await town.inside("rui")
    await town.store.execute(
        "UPDATE login_session SET created_at = now() - interval '90 d', expires_at = now() - interval '31 d' WHERE person_id = $1",
        town.people["rui"],
    )
    assert await prune_logins(town.store, timedelta(days=30)) == 1
    assert await prune_logins(town.store, timedelta(days=30)) == 0
    assert await town.store.fetchval("SELECT count(*) FROM login_session") == 1


async def test_no_secret_is_logged_or_told(town: Town, capfd: pytest.CaptureFixture[str]) -> None:
    """Canaries: passwords, codes, cookies, links, whatever goes wrong on the way."""
    link = await (await town.inside("admin")).ask("POST", f"/v1/operator/people/{town.people['user']}/reset-link")
    token = link.json["link"].partition("#")[2]
    browser = town.browser()
    answers = [
        await browser.log_in("user@example.org", "canary-wrong-password"),
        await browser.ask("POST", "/v1/session", {"email": "user@example.org", "password": PASSWORD, "canary-field": 1}),
        await browser.log_in("user@example.org"),
        await browser.ask("POST", "/v1/session/password", {"present": "canary-wrong-password", "password": "canary-new"}),
        await town.browser().ask("POST", "/v1/password/reset", {"token": token, "password": "canary-new"}),
        await town.browser().ask("POST", "/v1/setup", {"token": token, "email": "canary-address", "password": PASSWORD}),
    ]
    captured = capfd.readouterr()
    told = captured.out + captured.err + "".join(each.body.decode() for each in answers)
    for canary in ("canary", PASSWORD, SECRET, token, browser.cookie or "?"):
        assert canary not in told, canary
    tables = ("person", "login_session", "one_time_link", "job")
    kept = str([dict(row) for table in tables for row in await town.store.fetch(f"TABLE {table}")])
    for canary in (PASSWORD, SECRET, token, browser.cookie or "?"):
        assert canary not in kept
