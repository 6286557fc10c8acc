"""Who may log in, as pages: roles, locks, invitations and links, each as far as the viewer's own role goes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.api.conftest import Answer, running

from marketbot.domain.role import STAFF, Role
from marketbot.people.administration import PersonChange
from marketbot.web.pages.people import read_change

from .conftest import Console
from .scene import HOSTILE, PASSWORD
from .staff import email_of, give_staff

SEES_PEOPLE = (Role.ADMIN, Role.MANAGER, Role.AUDITOR)
LINK = re.compile(r'id="link"[^>]*>([^<]+)#([A-Za-z0-9_-]{43})</pre>')


@pytest.fixture
def more_accounts() -> int:
    return 0


def token_of(answer: Answer, path: str) -> str:
    found = LINK.search(answer.body.decode())
    assert found is not None, answer.body[:3000]
    assert found[1].endswith(path)
    return found[2]


async def id_of(console: Console, email: str) -> int:
    return int(await console.store.fetchval("SELECT person_id FROM person WHERE email = $1", email))


async def test_everybody_is_listed_narrowed_and_exported(console: Console) -> None:
    auditor = (await give_staff(console.store))[Role.AUDITOR]
    await console.store.execute("UPDATE person SET name = $1 WHERE email = 'rui@club.example'", HOSTILE)
    await console.store.execute("UPDATE person SET locked_until = now() + interval '5 minutes' WHERE email = 'ana@club.example'")
    page = (await console.get("/operator/people", auditor)).body.decode()
    for email in ("ana@club.example", "op@club.example", email_of(Role.ADMIN)):
        assert email in page
    assert "Locked" in page
    assert "<script>alert" not in page
    assert b"<script>alert" not in (await console.get("/operator/people/2", auditor)).body
    narrowed = (await console.get("/operator/people?role=manager", auditor)).body.decode()
    assert email_of(Role.MANAGER) in narrowed
    assert "ana@club.example" not in narrowed
    found = (await console.get("/operator/people?person=ANA", auditor)).body.decode()
    assert "ana@club.example" in found
    assert "op@club.example" not in found
    assert (await console.get("/operator/people?role=king", auditor)).status == 400
    file = (await console.get("/operator/people?format=csv", auditor)).body.decode("utf-8-sig")
    assert "'=cmd|" in file
    assert "ana@club.example" in file


async def test_roles_see_and_change_what_is_theirs(console: Console) -> None:
    staff = await give_staff(console.store)
    ana = await id_of(console, "ana@club.example")
    for role, who in staff.items():
        listed, shown = await console.get("/operator/people", who), await console.get(f"/operator/people/{ana}", who)
        assert (listed.status == 200) is (role in SEES_PEOPLE), role
        assert (shown.status == 200) is (role in SEES_PEOPLE), role
        assert (b'name="disabled"' in shown.body) is (role is Role.ADMIN), role
        assert (b"/operator/people/invitations" in listed.body) is (role in (Role.ADMIN, Role.MANAGER)), role
        for path, fields in (
            (f"/operator/people/{ana}", {"unlocked": "true"}),
            (f"/operator/people/{ana}/reset-link", {}),
        ):
            assert ((await console.post(path, who, **fields)).status != 403) is (role is Role.ADMIN), (role, path)
        invited = await console.post("/operator/people/invitations", who, email=f"{role}@new.example", role="user", language="en")
        assert (invited.status != 403) is (role in (Role.ADMIN, Role.MANAGER)), role
    emails = await console.store.fetch("SELECT email FROM invitation ORDER BY email")
    assert [row["email"] for row in emails] == ["admin@new.example", "manager@new.example"]


async def test_a_manager_invites_users_and_no_staff(console: Console) -> None:
    manager = (await give_staff(console.store))[Role.MANAGER]
    page = (await console.get("/operator/people/invitations", manager)).body.decode()
    assert '<option value="user"' in page
    assert '<option value="admin"' not in page
    for role in sorted(STAFF):
        forged = await console.post(
            "/operator/people/invitations", manager, email="x@new.example", role=role.value, language="en"
        )
        assert forged.status == 403
    assert await console.store.fetchval("SELECT count(*) FROM invitation") == 0
    number = await console.store.fetchval(
        "INSERT INTO invitation (email, role, language, expires_at) VALUES ('boss@new.example', 'admin', 'en', now() + '1 day')"
        " RETURNING invitation_id"
    )
    listed = (await console.get("/operator/people/invitations", manager)).body.decode()
    assert "boss@new.example" in listed
    assert "/withdraw" not in listed
    assert (await console.post(f"/operator/people/invitations/{number}/withdraw", manager)).status == 403
    assert await console.store.fetchval("SELECT revoked_at IS NULL FROM invitation")


async def test_an_invitation_is_shown_once_accepted_and_told(console: Console) -> None:
    admin = (await give_staff(console.store))[Role.ADMIN]
    for fields, wrong in (
        ({"email": "nobody", "role": "user", "language": "en"}, "email"),
        ({"email": "ana@club.example", "role": "user", "language": "en"}, "email"),
        ({"email": "n@new.example", "role": "user", "language": "tlh"}, "language"),
    ):
        answer = await console.post("/operator/people/invitations", admin, **fields)
        assert (answer.status, f'id="{wrong}-error"' in answer.body.decode()) == (422, True)
    made = await console.post("/operator/people/invitations", admin, email="Nova@new.example", role="operator", language="pt-BR")
    token = token_of(made, "/invitation")
    assert token not in (await console.get("/operator/people/invitations", admin)).body.decode()
    done = await console.post("/invitation", None, token=token, name="Nova", password=PASSWORD, again=PASSWORD)
    assert (done.status, done.headers["location"]) == (303, "/second-factor")
    page = (await console.get("/operator/people/invitations", admin)).body.decode()
    assert "Accepted" in page
    # Another one that is taken back opens nothing.
    token = token_of(
        await console.post("/operator/people/invitations", admin, email="b@new.example", role="user", language="en"),
        "/invitation",
    )
    number = await console.store.fetchval("SELECT invitation_id FROM invitation WHERE email = 'b@new.example'")
    assert (await console.post(f"/operator/people/invitations/{number}/withdraw", admin)).status == 303
    assert (await console.post("/invitation", None, token=token)).status == 410
    assert (await console.post(f"/operator/people/invitations/{number}/withdraw", admin)).status == 404


async def test_a_link_for_a_new_password_is_shown_once_and_works(console: Console) -> None:
    admin = (await give_staff(console.store))[Role.ADMIN]
    ana = await id_of(console, "ana@club.example")
    made = await console.post(f"/operator/people/{ana}/reset-link", admin)
    token = token_of(made, "/reset")
    assert (await console.post("/reset", None, token=token, password=PASSWORD, again=PASSWORD)).status == 303
    assert (await console.post("/operator/people/999999/reset-link", admin)).status == 404
    assert await console.store.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'password_reset_asked'") == 1


async def test_with_a_mail_server_no_link_is_shown(console: Console, tmp_path: Path) -> None:
    admin = (await give_staff(console.store))[Role.ADMIN]
    ana = await id_of(console, "ana@club.example")
    place = tmp_path / "mailing"
    place.mkdir()
    mailed = {"smtp_url": "smtp://127.0.0.1:2525", "mail_from": "bot@club.example", "public_url": "http://127.0.0.1:8000"}
    async with running(console.api.database, place, **mailed) as api:
        mailing = Console(api, console.store, console.ana, console.rui, console.olga)
        reset = await mailing.post(f"/operator/people/{ana}/reset-link", admin)
        assert (reset.status, reset.headers["location"]) == (303, f"/operator/people/{ana}")
        invited = await mailing.post("/operator/people/invitations", admin, email="c@new.example", role="user", language="en")
        assert (invited.status, invited.headers["location"]) == (303, "/operator/people/invitations")
    assert await console.store.fetchval("SELECT count(*) FROM job WHERE kind = 'letter'") == 2


async def test_a_role_a_lock_a_factor_and_a_door(console: Console) -> None:
    staff = await give_staff(console.store)
    admin, path = staff[Role.ADMIN], f"/operator/people/{await id_of(console, email_of(Role.OPERATOR))}"
    assert (await console.get("/operator", staff[Role.OPERATOR])).status == 200
    assert (await console.post(path, admin, role="auditor")).status == 303
    assert await console.store.fetchval("SELECT role FROM person WHERE email = $1", email_of(Role.OPERATOR)) == "auditor"
    # Whoever may do less from now on is out at once.
    assert (await console.get("/operator", staff[Role.OPERATOR])).status == 303
    await console.store.execute(
        "UPDATE person SET locked_until = now() + interval '9 minutes', failed_logins = 7 WHERE person_id = 1"
    )
    assert b'name="unlocked"' in (await console.get("/operator/people/1", admin)).body
    assert (await console.post("/operator/people/1", admin, unlocked="true")).status == 303
    assert await console.store.fetchval("SELECT locked_until IS NULL AND failed_logins = 0 FROM person WHERE person_id = 1")
    assert (await console.post(path, admin, without_second_factor="true")).status == 303
    assert await console.store.fetchval("SELECT totp_confirmed_at IS NULL FROM person WHERE email = $1", email_of(Role.OPERATOR))
    assert (await console.post("/operator/people/1", admin, disabled="true")).status == 303
    assert (await console.get("/home", console.ana)).status in (303, 403)
    assert (await console.post("/operator/people/1", admin, disabled="false")).status == 303
    assert await console.store.fetchval("SELECT disabled_at IS NULL FROM person WHERE person_id = 1")


async def test_the_last_administrator_stays_and_the_page_says_so(console: Console) -> None:
    admin = (await give_staff(console.store))[Role.ADMIN]
    path = f"/operator/people/{await id_of(console, email_of(Role.ADMIN))}"
    for fields in ({"role": "auditor"}, {"disabled": "true"}):
        answer = await console.post(path, admin, **fields)
        assert (answer.status, b"last administrator" in answer.body) == (422, True), fields
    assert (await console.get(path, admin)).status == 200
    fixed = await console.post("/operator/people/1", admin, role="operator")
    assert (fixed.status, b"A user stays a user" in fixed.body) == (422, True)
    assert (await console.post("/operator/people/999999", admin, unlocked="true")).status == 404
    assert (await console.post("/operator/people/1", admin, unlocked="true", disabled="true")).status == 400


def test_a_form_asks_for_one_thing() -> None:
    assert read_change({"csrf": "x", "role": "manager"}) == PersonChange(role=Role.MANAGER)
    assert read_change({"disabled": "false"}) == PersonChange(disabled=False)
    for form in ({}, {"role": "king"}, {"disabled": "maybe"}, {"unlocked": "false"}, {"role": "admin", "unlocked": "true"}):
        assert read_change(form) is None
