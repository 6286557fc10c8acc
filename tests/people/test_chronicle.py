"""What people do about themselves stands in the audit trail, and a login from a new address is told to its user."""

from __future__ import annotations

from typing import Any

import orjson

from marketbot.domain.audit_entry import Action
from marketbot.store.audit_trail import NEWEST, AuditFilter, AuditRow, list_entries, verify

from .conftest import PASSWORD, Town, code_now

NEW_PASSWORD = "um cavalo atravessa a ponte"


async def entries(town: Town) -> list[AuditRow]:
    """Return all of them, the oldest first."""
    return (await list_entries(town.store, AuditFilter(), NEWEST, 100))[::-1]


async def new_logins(town: Town) -> list[Any]:
    rows = await town.store.fetch(
        "SELECT payload FROM job WHERE kind = 'notice' AND payload->>'notice' = 'new_login' ORDER BY job_id"
    )
    return [row["payload"]["facts"] for row in rows]


async def hook_of(town: Town) -> None:
    """Let the operator, who hears of everybody's, be told somewhere."""
    await town.store.execute(
        "INSERT INTO notice_hook (host, url_sealed, secret_sealed) VALUES ('there.example', '\\x00', '\\x00')"
    )


async def test_a_login_and_what_failed_before_it_are_recorded(town: Town) -> None:
    browser = town.browser()
    await browser.log_in("nobody@example.org")
    await browser.log_in("user@example.org", "not the password")
    answer = await browser.log_in("user@example.org")
    assert answer.status == 201
    await browser.ask("DELETE", "/v1/session")
    found = await entries(town)
    person = town.people["user"]
    assert [(row.action, row.actor_kind, row.actor_id) for row in found] == [
        ("login_failed", "system", None),
        ("login", "person", person),
        ("logout", "person", person),
    ]
    assert {(row.subject_kind, row.subject_id) for row in found} == {("person", str(person))}
    assert (await verify(town.store)).holds
    # Nobody's name or address, and no secret, stands in what cannot be changed.
    text = orjson.dumps([dict(row.facts) for row in found]).decode()
    assert "example.org" not in text
    assert PASSWORD not in text


async def test_a_locked_persons_attempts_are_recorded_as_such(town: Town) -> None:
    await town.store.execute("UPDATE person SET locked_until = now() + interval '1 min' WHERE email = 'user@example.org'")
    await town.browser().log_in("user@example.org")
    assert [(row.action, row.facts["locked"]) for row in await entries(town)] == [("login_failed", True)]


async def test_a_code_that_is_wrong_and_one_that_is_right_are_recorded(town: Town) -> None:
    browser = town.browser()
    await browser.log_in("admin@example.org")
    await browser.ask("POST", "/v1/session/second-factor", {"code": "000000"})
    assert (await browser.ask("POST", "/v1/session/second-factor", {"code": code_now()})).status == 201
    found = await entries(town)
    assert [row.action for row in found] == ["login", "login_failed", "login"]
    assert found[0].facts["factor"] != found[2].facts["factor"]
    assert found[2].facts["recovery_code"] is False


async def test_a_new_password_and_ended_sessions_are_recorded(town: Town) -> None:
    browser, other = await town.inside("user"), await town.inside("user")
    number = (await other.ask("GET", "/v1/sessions")).json["present"]
    assert (await browser.ask("DELETE", f"/v1/sessions/{number}")).status == 200
    assert (await browser.ask("PATCH", "/v1/session/profile", {"name": "Outra"})).status == 200
    wish = {"present": PASSWORD, "password": NEW_PASSWORD}
    assert (await browser.ask("POST", "/v1/session/password", wish)).status == 201
    assert [row.action for row in await entries(town)] == [Action.SESSION_REVOKED, Action.PERSON_CHANGED, Action.PASSWORD_CHANGED]


async def test_an_invitation_and_a_change_are_recorded_by_who_made_them(town: Town) -> None:
    browser, person = await town.inside("admin"), town.people["user"]
    made = await browser.ask("POST", "/v1/operator/invitations", {"email": "novo@example.org", "role": "user"})
    assert made.status == 201, made.json
    number = made.json["invitation_id"]
    assert (await browser.ask("DELETE", f"/v1/operator/invitations/{number}")).status == 200
    assert (await browser.ask("PATCH", f"/v1/operator/people/{person}", {"disabled": True})).status == 200
    assert (await browser.ask("PATCH", f"/v1/operator/people/{person}", {"disabled": False})).status == 200
    found = await entries(town)
    assert [(row.action, row.subject_id) for row in found] == [
        ("invited", str(number)),
        ("invitation_revoked", str(number)),
        ("person_disabled", str(person)),
        ("person_enabled", str(person)),
    ]
    assert {row.actor_id for row in found} == {town.people["admin"]}


async def test_a_user_is_told_of_a_login_from_a_new_address_once(town: Town) -> None:
    await hook_of(town)
    assert (await town.browser().log_in("user@example.org")).status == 201
    assert (await town.browser().log_in("user@example.org")).status == 201
    assert [(facts["person"], bool(facts["address"])) for facts in await new_logins(town)] == [("user", True)]
    # Thirty days on the address is a new one again.
    await town.store.execute("UPDATE login_session SET created_at = created_at - interval '31 days'")
    assert (await town.browser().log_in("user@example.org")).status == 201
    assert len(await new_logins(town)) == 2


async def test_nobody_is_told_of_staffs_logins(town: Town) -> None:
    await hook_of(town)
    browser = town.browser()
    await browser.log_in("admin@example.org")
    assert (await browser.ask("POST", "/v1/session/second-factor", {"code": code_now()})).status == 201
    assert await new_logins(town) == []
