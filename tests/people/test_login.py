"""Logging in over HTTP: what a session opens, when it ends, and what does not get one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from tests.api.conftest import TOKEN

from marketbot.domain.person import FAILURES_FREE, LOCK_FIRST, LOCK_MAX, STAFF_IDLE, USER_IDLE, lock_after
from marketbot.domain.role import ROLE_SCOPES, Role
from marketbot.domain.scope import Scope
from marketbot.people import passwords
from marketbot.people.bearer import csrf_token, make_bearer
from marketbot.store.sessions import LIVE_SESSIONS_MAX, create_session, is_known_address

from .conftest import LIFE, PASSWORD, Browser, Town, code_now, town_of


async def test_a_user_logs_in_and_out(town: Town) -> None:
    browser = town.browser()
    answer = await browser.log_in("User@Example.ORG")
    assert answer.status == 201, answer.json
    assert answer.json["second_factor"] == "none"
    assert answer.json["scopes"] == sorted(ROLE_SCOPES[Role.USER])
    flags = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "path=/", "samesite=lax"} <= flags
    assert "secure" not in flags
    shown = (await browser.ask("GET", "/v1/session")).json
    assert (shown["email"], shown["role"], shown["simulated"]) == ("user@example.org", "user", True)
    assert shown["csrf_token"] == answer.json["csrf_token"]
    assert (await browser.ask("GET", "/v1/me")).json["user"]["name"] == "user"
    kept = browser.cookie
    assert (await browser.ask("DELETE", "/v1/session")).status == 200
    assert browser.cookie == ""
    assert (await Browser(town.api, kept).ask("GET", "/v1/session")).json["reason"] == "SESSION_INVALID"


async def test_over_https_the_cookie_is_this_hosts_alone(database: str, tmp_path: Path, cheap: None) -> None:
    async with town_of(database, tmp_path, public_url="https://bot.example") as made:
        answer = await made.browser().log_in("user@example.org")
        assert answer.headers["set-cookie"].startswith("__Host-marketbot=")
        assert "secure" in answer.headers["set-cookie"].lower()
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert (await made.api.send("GET", "/v1/session", cookie=cookie)).status == 200
        plain = cookie.replace("__Host-marketbot", "marketbot")
        assert (await made.api.send("GET", "/v1/session", cookie=plain)).status == 401


async def test_wrong_unknown_and_locked_are_answered_alike(town: Town) -> None:
    await town.store.execute("UPDATE person SET locked_until = now() + interval '1 min' WHERE email = 'rui@example.org'")
    answers = [
        await town.browser().log_in("user@example.org", "not the password"),
        await town.browser().log_in("stranger@example.org"),
        await town.browser().log_in("no address at all"),
        await town.browser().log_in("user@example.org", "x" * 1_000),
        await town.browser().log_in("rui@example.org"),
    ]
    assert {(each.status, each.body) for each in answers} == {(401, answers[0].body)}
    assert all("set-cookie" not in each.headers for each in answers)


async def test_each_verifies_a_hash_of_the_same_costs(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    verify = PasswordHasher.verify

    def noting(self: PasswordHasher, hash: str, password: str) -> object:
        found = extract_parameters(hash)
        seen.append((found.memory_cost, found.time_cost, found.parallelism, found.hash_len))
        return verify(self, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", noting)
    for email in ("user@example.org", "stranger@example.org", "no address"):
        await town.browser().log_in(email, "not the password")
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_a_lock_grows_and_is_bounded() -> None:
    assert lock_after(FAILURES_FREE - 1) is None
    assert lock_after(FAILURES_FREE) == LOCK_FIRST
    assert lock_after(FAILURES_FREE + 1) == 2 * LOCK_FIRST
    assert lock_after(10**6) == LOCK_MAX


async def test_wrong_attempts_lock_strangers_out_and_the_lock_is_not_prolonged(town: Town) -> None:
    for _ in range(FAILURES_FREE):
        await town.browser().log_in("user@example.org", "not the password")
    row = "SELECT failed_logins, locked_until FROM person WHERE email = 'user@example.org'"
    first = await town.store.fetchrow(row)
    assert first["locked_until"] is not None
    assert (await town.browser().log_in("user@example.org")).status == 401
    await town.browser().log_in("user@example.org", "not the password")
    assert await town.store.fetchrow(row) == first
    await town.store.execute("UPDATE person SET locked_until = now() WHERE email = 'user@example.org'")
    assert (await town.browser().log_in("user@example.org")).status == 201
    assert tuple(await town.store.fetchrow(row)) == (0, None)


async def test_an_address_is_known_once_somebody_came_in_from_it_whole(town: Town) -> None:
    user, admin = town.people["user"], town.people["admin"]
    for person_id, shown in ((user, False), (admin, False), (admin, True)):
        assert not await is_known_address(town.store, person_id, "198.51.100.7")
        await create_session(town.store, person_id, make_bearer().sha256, LIFE, "198.51.100.7", "", shown=shown)
    assert await is_known_address(town.store, user, "198.51.100.7")
    assert await is_known_address(town.store, admin, "198.51.100.7")
    assert not await is_known_address(town.store, user, "198.51.100.8")


async def test_a_known_address_is_not_locked_out_by_strangers(database: str, tmp_path: Path, cheap: None) -> None:
    async with town_of(database, tmp_path, trusted_proxies=("127.0.0.1/32",)) as town:
        home, elsewhere = {"x_forwarded_for": "198.51.100.7"}, {"x_forwarded_for": "203.0.113.9"}
        right = {"email": "user@example.org", "password": PASSWORD}
        assert (await town.browser().ask("POST", "/v1/session", right, **home)).status == 201
        for _ in range(FAILURES_FREE):
            wrong = {"email": "user@example.org", "password": "not the password"}
            await town.browser().ask("POST", "/v1/session", wrong, **elsewhere)
        assert (await town.browser().ask("POST", "/v1/session", right, **elsewhere)).status == 401
        assert (await town.browser().ask("POST", "/v1/session", right, **home)).status == 201


async def test_attempts_are_limited_by_address_and_by_e_mail(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)
    async with town_of(database, tmp_path, trusted_proxies=("127.0.0.1/32",)) as town:
        wrong = {"email": "stranger@example.org", "password": "not the password"}
        # From one address each: only the e-mail address is the same, and nobody has it.
        answers = [
            await town.browser().ask("POST", "/v1/session", wrong, x_forwarded_for=f"203.0.113.{number}") for number in range(25)
        ]
        assert [each.status for each in answers[:10]] == [401] * 10
        assert {each.json["detail"] for each in answers if each.status == 429} == {"login_email"}
        answers = [
            await town.browser().ask(
                "POST", "/v1/session", {**wrong, "email": f"s{number}@example.org"}, x_forwarded_for="192.0.2.200"
            )
            for number in range(60)
        ]
        assert [each.status for each in answers[:30]] == [401] * 30
        assert {each.json["detail"] for each in answers if each.status == 429} == {"login_address"}


async def test_what_was_planted_before_the_login_opens_nothing(town: Town) -> None:
    """Session fixation: a cookie that an attacker knows, his own session or none at all, is not the one that comes of the login."""
    attacker = await town.inside("rui")
    victim = Browser(town.api, attacker.cookie, attacker.csrf)
    assert (await victim.log_in("user@example.org")).status == 201
    assert victim.cookie != attacker.cookie
    assert (await attacker.ask("GET", "/v1/session")).status == 401
    planted = make_bearer()
    victim = Browser(town.api, planted.text)
    assert (await victim.log_in("user@example.org")).status == 201
    assert victim.cookie != planted.text
    assert (await Browser(town.api, planted.text).ask("GET", "/v1/session")).status == 401


async def test_what_changes_something_needs_the_pages_own_token(town: Town) -> None:
    browser = await town.inside("user")
    other = await town.inside("rui")
    assert browser.csrf is not None
    for csrf in ("", "x" * 64, other.csrf or "", browser.csrf[:-1], browser.csrf + "0"):
        answer = await Browser(town.api, browser.cookie, csrf).ask("PATCH", "/v1/session/profile", {"name": "Eve"})
        assert (answer.status, answer.json["reason"]) == (403, "CSRF_INVALID")
    cross = await browser.ask("PATCH", "/v1/session/profile", {"name": "Eve"}, sec_fetch_site="cross-site")
    assert cross.json["reason"] == "CSRF_INVALID"
    assert await town.store.fetchval("SELECT name FROM person WHERE email = 'user@example.org'") == "user"
    assert (await browser.ask("PATCH", "/v1/session/profile", {"name": "Ana"}, sec_fetch_site="same-origin")).status == 200
    # Reading needs none, and a token's bearer none either.
    assert (await Browser(town.api, browser.cookie).ask("GET", "/v1/session")).status == 200
    form = await town.api.send("POST", "/v1/session", b"email=user@example.org", content_type="application/x-www-form-urlencoded")
    assert form.status == 415
    login = await town.browser().ask(
        "POST", "/v1/session", {"email": "user@example.org", "password": PASSWORD}, sec_fetch_site="cross-site"
    )
    assert login.json["reason"] == "CSRF_INVALID"


async def test_every_session_is_listed_and_ended_by_its_person_alone(town: Town) -> None:
    mine, other, hers = await town.inside("user"), await town.inside("user"), await town.inside("rui")
    listed = (await mine.ask("GET", "/v1/sessions")).json
    assert len(listed["sessions"]) == 2
    assert b"sha256" not in (await mine.ask("GET", "/v1/sessions")).body
    numbers = [each["session_id"] for each in listed["sessions"]]
    stolen = await hers.ask("DELETE", f"/v1/sessions/{numbers[0]}")
    absent = await hers.ask("DELETE", "/v1/sessions/999999")
    assert (stolen.status, stolen.body) == (absent.status, absent.body) == (404, absent.body)
    assert (await other.ask("GET", "/v1/session")).status == 200
    ended = next(number for number in numbers if number != listed["present"])
    assert (await mine.ask("DELETE", f"/v1/sessions/{ended}")).json == {"ended": [ended]}
    # At once here, though it was looked up a moment ago.
    assert (await other.ask("GET", "/v1/session")).status == 401
    third = await town.inside("user")
    assert (await third.ask("GET", "/v1/session")).status == 200
    assert len((await mine.ask("DELETE", "/v1/sessions")).json["ended"]) == 1
    assert (await third.ask("GET", "/v1/session")).status == 401
    assert (await mine.ask("GET", "/v1/session")).status == 200


async def test_a_session_ends_when_nothing_is_done_and_at_its_end_whatever_is_done(town: Town) -> None:
    for name, idle in (("user", USER_IDLE), ("operator", STAFF_IDLE)):
        for late, status in ((timedelta(minutes=-5), 200), (timedelta(minutes=5), 401)):
            browser = await town.inside(name)
            await town.store.execute(
                "UPDATE login_session SET last_seen_at = now() - $1::interval WHERE sha256 = sha256($2)",
                idle + late,
                (browser.cookie or "").encode(),
            )
            assert (await browser.ask("GET", "/v1/session")).status == status
    browser = await town.inside("user")
    await town.store.execute(
        "UPDATE login_session SET created_at = now() - interval '2 h', expires_at = now() WHERE sha256 = sha256($1)",
        (browser.cookie or "").encode(),
    )
    assert (await browser.ask("GET", "/v1/session")).status == 401


async def test_use_is_noted_coarsely(town: Town) -> None:
    browser = await town.inside("user")
    find = "SELECT last_seen_at FROM login_session WHERE sha256 = sha256($1)"
    digest = (browser.cookie or "").encode()
    for age_s, is_written in ((30, False), (90, True)):
        await town.store.execute(
            "UPDATE login_session SET last_seen_at = now() - make_interval(secs => $2) WHERE sha256 = sha256($1)", digest, age_s
        )
        before = await town.store.fetchval(find, digest)
        assert (await browser.ask("GET", "/v1/session")).status == 200
        assert (await town.store.fetchval(find, digest) != before) is is_written


async def test_one_session_too_many_ends_the_oldest(town: Town) -> None:
    first = await town.inside("user")
    for _ in range(LIVE_SESSIONS_MAX):
        await town.inside("user")
    assert (await first.ask("GET", "/v1/session")).status == 401


async def test_staff_open_nothing_before_a_second_factor(town: Town) -> None:
    browser = town.browser()
    answer = await browser.log_in("admin@example.org")
    assert (answer.json["second_factor"], answer.json["scopes"]) == ("owed", [])
    for method, path in (("GET", "/v1/operator/users"), ("GET", "/v1/sessions"), ("GET", "/v1/operator/people")):
        assert (await browser.ask(method, path)).json["reason"] == "SECOND_FACTOR_OWED"
    half = browser.cookie
    code = code_now()
    shown = await browser.ask("POST", "/v1/session/second-factor", {"code": code})
    assert shown.status == 201, shown.json
    assert set(shown.json["scopes"]) == ROLE_SCOPES[Role.ADMIN]
    assert browser.cookie != half
    assert (await Browser(town.api, half).ask("GET", "/v1/session")).status == 401
    assert (await browser.ask("GET", "/v1/operator/users")).status == 200
    # Each code once: who looked over a shoulder has nothing of it.
    again = town.browser()
    await again.log_in("admin@example.org")
    assert (await again.ask("POST", "/v1/session/second-factor", {"code": code})).json["reason"] == "CODE_INVALID"
    assert (await again.ask("GET", "/v1/operator/users")).status == 403


async def test_a_role_opens_its_scopes(town: Town) -> None:
    tried = {
        Scope.OPERATOR_READ: ("GET", "/v1/operator/users", None),
        Scope.USERS_WRITE: ("GET", "/v1/operator/invitations", None),
        Scope.AUDIT_READ: ("GET", "/v1/operator/people", None),
        Scope.PEOPLE_WRITE: ("PATCH", "/v1/operator/people/999", {"unlocked": True}),
        Scope.ACCOUNTS_READ: ("GET", "/v1/accounts", None),
    }
    for role in Role:
        browser = await town.inside(role.value)
        for scope, (method, path, document) in tried.items():
            answer = await browser.ask(method, path, document)
            assert (answer.status == 403) is (scope not in ROLE_SCOPES[role]), (role, path)


async def test_a_person_shut_out_ends_here_at_once_with_their_users_tokens(town: Town) -> None:
    admin, user = await town.inside("admin"), await town.inside("user")
    assert (await user.ask("GET", "/v1/me")).status == 200
    path = f"/v1/operator/people/{town.people['user']}"
    assert (await admin.ask("PATCH", path, {"disabled": True})).status == 200
    assert (await user.ask("GET", "/v1/me")).status in (401, 403)
    answer = await town.browser().log_in("user@example.org")
    assert (answer.status, answer.json["reason"]) == (403, "USER_DISABLED")
    assert (await town.browser().log_in("user@example.org", "not the password")).json["reason"] == "LOGIN_FAILED"
    assert await town.store.fetchval("SELECT disabled_at IS NOT NULL FROM app_user WHERE name = 'user'")
    assert (await admin.ask("PATCH", path, {"disabled": False})).status == 200
    assert (await town.browser().log_in("user@example.org")).status == 201


async def test_tokens_open_no_persons_address(town: Town) -> None:
    for path in ("/v1/session", "/v1/sessions"):
        answer = await town.api.send("GET", path, authorization=f"Bearer {TOKEN}")
        assert (answer.status, answer.json["reason"]) == (403, "SESSION_MISSING")
        assert (await town.api.send("GET", path)).json["reason"] == "SESSION_INVALID"


async def test_nobody_is_sent_elsewhere(town: Town) -> None:
    """No answer of these addresses redirects, whatever it is asked to."""
    for path in ("/v1/session?next=https://evil.example", "/v1/session?next=//evil.example"):
        answer = await town.api.send("POST", path, b"{}", content_type="application/json")
        assert answer.status == 422
        assert "location" not in answer.headers


async def test_odd_letters_are_wrong_and_no_failure_of_ours(town: Town) -> None:
    for body in (
        rb'{"email": "user@example.org", "password": "\ud800\u0000"}',
        rb'{"email": "\ud800@example.org", "password": "x\u0000"}',
        rb'{"email": "\u0000", "password": "x"}',
    ):
        answer = await town.api.send("POST", "/v1/session", body, content_type="application/json", user_agent="x" * 300)
        assert answer.status in (400, 401), answer.json
    for document in (
        {},
        {"email": 1, "password": "x"},
        {"email": "a@b.org", "password": ["x"]},
        {"email": "a@b.org", "password": ""},
    ):
        assert (await town.browser().ask("POST", "/v1/session", document)).json["reason"] == "FIELD_INVALID"


async def test_many_at_once_get_a_session_each(town: Town) -> None:
    answers = await asyncio.gather(*(town.browser().log_in("user@example.org") for _ in range(8)))
    assert {each.status for each in answers} == {201}
    assert len({each.json["session_id"] for each in answers}) == 8
    assert csrf_token("a") != csrf_token("b")
