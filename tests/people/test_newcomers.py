"""How people come to be: set-up, invitations, and who may invite whom."""

from __future__ import annotations

import asyncio
import re

import pytest

from marketbot.domain.person import Locale
from marketbot.domain.role import STAFF, Role
from marketbot.people.newcomers import first_setup_link, make_setup_link

from .conftest import PASSWORD, Town

NEW = {"name": "Novo", "password": "um cavalo atravessa a ponte", "language": "pt-BR", "time_zone": "America/Sao_Paulo"}


def token_in(link: str) -> str:
    found = re.fullmatch(r"https?://[^/#]+/[a-z]+#([A-Za-z0-9_-]{43})", link)
    assert found is not None
    return found[1]


async def test_the_setup_link_makes_an_admin_once(town: Town) -> None:
    assert await first_setup_link(town.store) is None
    earlier, bearer = await make_setup_link(town.store), await make_setup_link(town.store)
    assert bearer.text not in repr(bearer)
    document = {"token": bearer.text, "email": "first@example.org", **NEW}
    for changes, reason in (
        ({"token": earlier.text}, "LINK_INVALID"),
        ({"token": "nonsense"}, "LINK_INVALID"),
        ({"password": "short"}, "PASSWORD_UNFIT"),
        ({"password": "first@example.org"}, "PASSWORD_UNFIT"),
        ({"email": "nonsense"}, "FIELD_INVALID"),
        ({"time_zone": "../../etc/passwd"}, "FIELD_INVALID"),
        ({"time_zone": "Mars/Olympus"}, "FIELD_INVALID"),
        ({"language": "xx"}, "FIELD_INVALID"),
        ({"role": "admin"}, "FIELD_INVALID"),
        ({"name": "a\nb"}, "FIELD_INVALID"),
    ):
        answer = await town.browser().ask("POST", "/v1/setup", {**document, **changes})
        assert answer.json["reason"] == reason, changes
    browser = town.browser()
    made = await browser.ask("POST", "/v1/setup", document)
    assert (made.status, made.json["role"], made.json["second_factor"], made.json["scopes"]) == (201, "admin", "unenrolled", [])
    assert (await browser.ask("GET", "/v1/session")).json["time_zone"] == "America/Sao_Paulo"
    assert (await town.browser().ask("POST", "/v1/setup", document)).json["reason"] == "LINK_INVALID"


async def test_of_two_who_use_a_link_at_once_one_wins(town: Town) -> None:
    bearer = await make_setup_link(town.store)
    answers = await asyncio.gather(
        *(town.browser().ask("POST", "/v1/setup", {"token": bearer.text, "email": f"n{n}@example.org", **NEW}) for n in range(4))
    )
    assert sorted(each.status for each in answers) == [201, 410, 410, 410]


async def test_a_link_ends_at_its_time(town: Town) -> None:
    bearer = await make_setup_link(town.store)
    await town.store.execute("UPDATE one_time_link SET created_at = now() - interval '2 d', expires_at = now()")
    document = {"token": bearer.text, "email": "first@example.org", **NEW}
    assert (await town.browser().ask("POST", "/v1/setup", document)).json["reason"] == "LINK_INVALID"


async def test_an_invitation_makes_a_user_with_rows_of_their_own(town: Town) -> None:
    manager = await town.inside("manager")
    invited = await manager.ask("POST", "/v1/operator/invitations", {"email": "Ana@example.org", "role": "user"})
    assert (invited.status, invited.json["mailed"], invited.json["email"]) == (201, False, "ana@example.org")
    token = token_in(invited.json["link"])
    looked = await town.browser().ask("POST", "/v1/invitations/look", {"token": token})
    assert (looked.json["email"], looked.json["role"]) == ("ana@example.org", "user")
    browser = town.browser()
    # A name that a user has already is no obstacle.
    made = await browser.ask("POST", "/v1/invitations/accept", {"token": token, **NEW, "name": "rui"})
    assert made.status == 201, made.json
    assert (await browser.ask("GET", "/v1/me")).json["user"]["name"] == "rui 2"
    assert await town.store.fetchval("SELECT email_confirmed_at IS NOT NULL FROM person WHERE email = 'ana@example.org'")
    for path in ("look", "accept"):
        document = {"token": token} if path == "look" else {"token": token, **NEW}
        assert (await town.browser().ask("POST", f"/v1/invitations/{path}", document)).json["reason"] == "LINK_INVALID"
    listed = (await manager.ask("GET", "/v1/operator/invitations")).json["invitations"]
    assert [(each["email"], each["person_id"]) for each in listed] == [("ana@example.org", made.json["person_id"])]
    assert token not in str(listed)
    taken = await manager.ask("POST", "/v1/operator/invitations", {"email": "ana@example.org", "role": "user"})
    assert taken.json["reason"] == "EMAIL_TAKEN"


@pytest.mark.parametrize("role", sorted(STAFF))
async def test_only_who_may_see_to_people_invites_staff(town: Town, role: Role) -> None:
    document = {"email": "new@example.org", "role": role.value, "language": "en"}
    for name, status in (("user", 403), ("auditor", 403), ("operator", 403), ("manager", 403), ("admin", 201)):
        browser = await town.inside(name)
        answer = await browser.ask("POST", "/v1/operator/invitations", document)
        assert answer.status == status, name
    number = answer.json["invitation_id"]
    assert (await (await town.inside("manager")).ask("DELETE", f"/v1/operator/invitations/{number}")).status == 403
    accepted = await town.browser().ask("POST", "/v1/invitations/accept", {"token": token_in(answer.json["link"]), **NEW})
    assert (accepted.json["role"], accepted.json["user_id"], accepted.json["scopes"]) == (role.value, None, [])


async def test_an_invitation_is_taken_back_or_replaced(town: Town) -> None:
    manager = await town.inside("manager")
    document = {"email": "ana@example.org", "role": "user"}
    first, second = [(await manager.ask("POST", "/v1/operator/invitations", document)).json for _ in range(2)]
    accept = "/v1/invitations/accept"
    assert (await town.browser().ask("POST", accept, {"token": token_in(first["link"]), **NEW})).json["reason"] == "LINK_INVALID"
    assert (await manager.ask("DELETE", f"/v1/operator/invitations/{second['invitation_id']}")).status == 200
    assert (await manager.ask("DELETE", f"/v1/operator/invitations/{second['invitation_id']}")).status == 404
    assert (await town.browser().ask("POST", accept, {"token": token_in(second["link"]), **NEW})).json["reason"] == "LINK_INVALID"


async def test_without_mail_nobody_signs_up_or_is_sent_anything(town: Town) -> None:
    for path, reason in (("/v1/sign-up", "SIGN_UP_CLOSED"), ("/v1/password/forgot", "MAIL_NOT_SET_UP")):
        answers = [await town.browser().ask("POST", path, {"email": each}) for each in ("user@example.org", "no@example.org")]
        assert {each.json["reason"] for each in answers} == {reason}
    assert await town.store.fetchval("SELECT count(*) FROM job WHERE kind = 'letter'") == 0


async def test_a_reset_link_sets_a_password_and_ends_every_session(town: Town) -> None:
    admin, user = await town.inside("admin"), await town.inside("user")
    assert (await user.ask("GET", "/v1/session")).status == 200
    await town.store.execute("UPDATE person SET failed_logins = 9, locked_until = now() + interval '9 min' WHERE role = 'user'")
    number = town.people["user"]
    for name in ("manager", "operator", "auditor", "user"):
        stolen = await (await town.inside(name)).ask("POST", f"/v1/operator/people/{number}/reset-link")
        assert stolen.status == 403
    links = [(await admin.ask("POST", f"/v1/operator/people/{number}/reset-link")).json["link"] for _ in range(2)]
    wanted = NEW["password"]
    stale = await town.browser().ask("POST", "/v1/password/reset", {"token": token_in(links[0]), "password": wanted})
    assert stale.json["reason"] == "LINK_INVALID"
    for fault in ("short", "user@example.org"):
        unfit = await town.browser().ask("POST", "/v1/password/reset", {"token": token_in(links[1]), "password": fault})
        assert unfit.json["reason"] == "PASSWORD_UNFIT"
    done = await town.browser().ask("POST", "/v1/password/reset", {"token": token_in(links[1]), "password": wanted})
    assert (done.status, "set-cookie" in done.headers) == (200, False)
    assert (await user.ask("GET", "/v1/session")).status == 401
    assert (await town.browser().log_in("user@example.org", PASSWORD)).status == 401
    assert (await town.browser().log_in("user@example.org", wanted)).status == 201
    assert (await admin.ask("POST", "/v1/operator/people/999/reset-link")).status == 404


async def test_a_changed_password_ends_every_other_session(town: Town) -> None:
    browser, other = await town.inside("user"), await town.inside("user")
    assert (await other.ask("GET", "/v1/session")).status == 200
    before, wanted = browser.cookie, NEW["password"]
    wrong = await browser.ask("POST", "/v1/session/password", {"present": "not the password", "password": wanted})
    assert wrong.json["reason"] == "PASSWORD_WRONG"
    unfit = await browser.ask("POST", "/v1/session/password", {"present": PASSWORD, "password": "qwertyuiop123"})
    assert unfit.json["errors"] == [{"field": "password", "reason": "common"}]
    assert (await browser.ask("POST", "/v1/session/password", {"present": PASSWORD, "password": wanted})).status == 201
    assert browser.cookie != before
    assert (await browser.ask("GET", "/v1/session")).status == 200
    assert (await other.ask("GET", "/v1/session")).status == 401
    assert (await town.browser().log_in("user@example.org", wanted)).status == 201


def test_languages_are_the_schemas() -> None:
    assert [each.value for each in Locale] == ["pt-BR", "en"]
