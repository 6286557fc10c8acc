"""What a new installation lacks is named on the overview, to whoever can do it, until it is done."""

from __future__ import annotations

import re

import pytest

from marketbot.domain.role import Role
from marketbot.store.first_steps import SetUp
from marketbot.web.pages.first_steps import open_steps, steps_of

from .conftest import Console
from .scene import Login
from .staff import give_staff

LINKS = re.compile(r'<section class="card" id="first-steps".*?</section>', re.DOTALL)


@pytest.fixture
def more_accounts() -> int:
    return 0


async def left(console: Console, who: Login) -> list[str]:
    """Return where the overview sends somebody for what is left to do."""
    found = LINKS.search((await console.get("/operator", who)).body.decode())
    return [] if found is None else re.findall(r'href="([^"]+)"', found[0])


async def test_the_list_grows_shorter_and_goes_away(console: Console) -> None:
    manager = (await give_staff(console.store))[Role.MANAGER]
    await console.store.execute("UPDATE source SET enabled = false")
    await console.store.execute("UPDATE account SET disconnected_at = now()")
    assert await left(console, manager) == [
        "/operator/sources",
        "/operator/people/invitations",
        "/operator/first-steps#mail",
        "/operator/first-steps#backup",
        "/operator/channels",
    ]
    await console.store.execute("UPDATE source SET enabled = true WHERE source_id = 1")
    await console.store.execute("UPDATE account SET disconnected_at = NULL WHERE account_id = 1")
    await console.store.execute("INSERT INTO backup_run (started_at, succeeded, detail) VALUES (now(), false, 'full')")
    assert await left(console, manager) == [
        "/operator/first-steps#mail",
        "/operator/first-steps#backup",
        "/operator/channels",
    ]
    await console.store.execute("INSERT INTO backup_run (started_at, succeeded, detail, bytes) VALUES (now(), true, 'b1', 1)")
    await console.store.execute(
        "INSERT INTO notice_channel (place, kind, name, language, minimum, target_sealed)"
        " VALUES (1, 'email', 'o***@club.example', 'en', 'warning', 'sealed')"
    )
    assert "/operator/channels" in await left(console, manager)
    await console.store.execute("UPDATE notice_channel SET confirmed_at = now()")
    assert await left(console, manager) == ["/operator/first-steps#mail"]


async def test_it_is_for_whoever_can_do_it(console: Console) -> None:
    for role, who in (await give_staff(console.store)).items():
        may = role in (Role.ADMIN, Role.MANAGER)
        assert bool(await left(console, who)) is may, role
        assert ((await console.get("/operator/first-steps", who)).status == 200) is may, role


async def test_its_page_says_how(console: Console) -> None:
    text = (await console.get("/operator/first-steps", (await give_staff(console.store))[Role.ADMIN])).body.decode()
    for word in ("MARKETBOT_SMTP_URL", "marketbot backup", "/operator/channels", "/operator/people/invitations"):
        assert word in text
    for key in ("source", "account", "mail", "backup", "channel"):
        assert f'id="{key}"' in text


def test_when_everything_is_there_nothing_is_left() -> None:
    assert open_steps(SetUp(source=True, account=True, backup=True, channel=True), mails=True) == []
    assert [step.done for step in steps_of(SetUp(source=True, account=False, backup=False, channel=True), mails=False)] == [
        True, False, False, False, True,
    ]  # fmt: skip
