"""How administrators come from a person to their user, to their erasure, and back; and what is left of who was erased."""

from __future__ import annotations

import re

import pytest

from marketbot.domain.ids import PersonId, UserId
from marketbot.domain.role import Role
from marketbot.store.erasing import erase_person, erase_user

from .conftest import Console
from .scene import Login
from .staff import give_staff


@pytest.fixture
def more_accounts() -> int:
    return 0


async def text_of(console: Console, path: str, who: Login) -> str:
    answer = await console.get(path, who)
    assert answer.status == 200, path
    return answer.body.decode()


async def test_a_person_their_user_and_their_erasure_lead_to_each_other(console: Console) -> None:
    staff = await give_staff(console.store)
    admin, auditor = staff[Role.ADMIN], staff[Role.AUDITOR]
    ana = await console.store.fetchrow("SELECT person_id, user_id FROM person WHERE email = 'ana@club.example'")
    person, user = f"/operator/people/{ana['person_id']}", f"/operator/users/{ana['user_id']}"
    erasure = f"/operator/privacy?person={ana['person_id']}"
    assert f'href="{user}"' in await text_of(console, person, admin)
    assert f'href="{erasure}"' in await text_of(console, person, admin)
    assert f'href="{person}"' in await text_of(console, user, admin)
    assert 'value="ana@club.example"' in await text_of(console, erasure, admin)
    for number in ("0", "999999", "9" * 30, "ana"):
        assert "@club.example" not in await text_of(console, f"/operator/privacy?person={number}", admin)
    await console.post("/operator/privacy", admin, email="ana@club.example", force="yes")
    assert f'href="{person}"' in await text_of(console, "/operator/privacy", admin)
    # Each way is shown to whom it is open for.
    assert "/operator/privacy" not in await text_of(console, person, auditor)
    assert f'href="{person}"' not in await text_of(console, user, console.olga)


async def test_who_was_erased_is_marked_and_let_in_by_nobody(console: Console) -> None:
    admin = (await give_staff(console.store))[Role.ADMIN]
    rui = await console.store.fetchrow("SELECT person_id, user_id FROM person WHERE email = 'rui@club.example'")
    person, user = f"/operator/people/{rui['person_id']}", f"/operator/users/{rui['user_id']}"
    await erase_user(console.store, UserId(rui["user_id"]))
    await erase_person(console.store, PersonId(rui["person_id"]))
    listed = await text_of(console, "/operator/people", admin)
    row = re.search(rf'<a href="{person}">Person {rui["person_id"]}</a>.*?</tr>', listed, re.DOTALL)
    assert row is not None
    assert "Erased" in row[0]
    assert "Erased" in await text_of(console, "/operator/users", admin)
    for path in (person, user):
        page = await text_of(console, path, admin)
        assert "Erased" in page
        assert f'action="{path}' not in page, "nothing is offered that would be refused"
    assert "/operator/privacy?person" not in await text_of(console, person, admin)
    assert "@erased.invalid" not in await text_of(console, f"/operator/privacy?person={rui['person_id']}", admin)
    assert (await console.post(f"{person}/reset-link", admin)).status == 404
    assert (await console.post(person, admin, disabled="false")).status == 404
    assert (await console.post(user, admin, enabled="true")).status == 404
