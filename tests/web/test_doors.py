"""Every address of the console says who comes in, and every one is tried."""

from __future__ import annotations

import re
from typing import Any

from litestar import Litestar
from litestar.routes import HTTPRoute

from marketbot.api.admission import PERSON, SCOPE
from marketbot.domain.role import Role
from marketbot.web.routers import OF_ADMINISTRATION, OF_PEOPLE, OF_STAFF, OF_USERS, OPEN, web_routers

from .conftest import Console
from .staff import give_staff

FORM = re.compile(r'<form[^>]* method="post" action="([^"]+)"')
OWN_FORMS = ("/logout", "/preferences")
"""Of the frame: everybody's."""
FIELDS = re.compile(r"\{\w+(?::int)?\}")


def addresses(handlers: Any) -> set[tuple[str, str]]:
    """Return method and path of each handler, with a number that nobody has where one belongs."""
    names = {handler.fn for handler in handlers}
    found = set()
    for route in Litestar(route_handlers=web_routers(), openapi_config=None).routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            if handler.fn in names:
                found |= {
                    (str(method), FIELDS.sub("999999", route.path_format))
                    for method in handler.http_methods - {"OPTIONS", "HEAD"}
                }
    return found


def test_every_page_says_who_comes_in() -> None:
    for handler in (*OF_USERS, *OF_STAFF, *OF_ADMINISTRATION):
        assert SCOPE in handler.opt
    for handler in OF_PEOPLE:
        assert PERSON in handler.opt
    for handler in OPEN:
        assert SCOPE not in handler.opt
        assert PERSON not in handler.opt


async def test_nobody_comes_in_without_a_session(console: Console) -> None:
    for method, path in sorted(addresses((*OF_USERS, *OF_STAFF, *OF_ADMINISTRATION, *OF_PEOPLE))):
        answer = await console.send(method, path, None, b"", content_type="application/x-www-form-urlencoded")
        assert (answer.status, answer.headers["location"][:6]) == (303, "/login"), path
    # However often: only wrong credentials are counted as guesses.
    for _ in range(40):
        assert (await console.get("/", None)).status == 303


async def test_staff_open_no_users_page_and_users_none_of_staff(console: Console) -> None:
    for who, handlers in ((console.olga, OF_USERS), (console.ana, (*OF_STAFF, *OF_ADMINISTRATION))):
        for method, path in sorted(addresses(handlers)):
            answer = await console.get(path, who) if method == "GET" else await console.post(path, who)
            assert answer.status == 403, path


async def test_nothing_is_administered_without_the_forms_own_token(console: Console) -> None:
    staff = await give_staff(console.store)
    before = await console.store.fetchval("SELECT count(*) FROM audit_entry")
    for method, path in sorted(addresses(OF_ADMINISTRATION)):
        if method == "POST":
            for token in ("", "0" * 64, staff[Role.MANAGER].csrf):
                answer = await console.post(path, staff[Role.ADMIN], csrf=token, name="x", role="admin", confirmed="true")
                assert answer.status == 403, path
    assert await console.store.fetchval("SELECT count(*) FROM audit_entry") == before


async def test_an_auditor_sees_administration_and_sends_no_form(console: Console) -> None:
    auditor = (await give_staff(console.store))[Role.AUDITOR]
    for method, path in sorted(addresses(OF_ADMINISTRATION)):
        if method == "POST":
            assert (await console.post(path, auditor)).status == 403, path
        else:
            page = await console.get(path, auditor)
            assert page.status in (200, 403, 404), path
            assert not [form for form in FORM.findall(page.body.decode()) if form not in OWN_FORMS], path


async def test_what_is_anothers_is_like_what_is_not_there(console: Console) -> None:
    for path, fields in (("/accounts/1", {"leverage": "3"}), ("/home/pause", {"account": "1", "paused": "true"})):
        stolen = await console.post(path, console.rui, **fields)
        absent = await console.post(
            path.replace("/1", "/999999"), console.rui, **(fields | ({"account": "999999"} if "account" in fields else {}))
        )
        assert stolen.status == absent.status
        # The page names its own address, for choosing another language there.
        assert stolen.body.replace(b'/accounts/1"', b'/accounts/999999"') == absent.body
    hers = await console.store.fetchval(
        "SELECT session_id FROM login_session s JOIN person p USING (person_id) WHERE p.email = 'ana@club.example'"
    )
    await console.post("/profile/sessions", console.rui, session=str(hers))
    assert (await console.get("/home", console.ana)).status == 200
    assert await console.store.fetchval("SELECT paused FROM account WHERE account_id = 1") is False
