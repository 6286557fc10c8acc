"""Pages about one's own data: a copy of it, its erasure, and an admin's over others."""

from __future__ import annotations

import asyncio
import io
import zipfile
from urllib.parse import urlencode

import pytest
from argon2 import PasswordHasher

from marketbot.domain.audit_entry import Actor, ActorKind
from marketbot.domain.ids import PersonId
from marketbot.people.bearer import make_bearer
from marketbot.privacy.erasing import ask_for, person_subject
from marketbot.store.one_time_links import LinkKind, create_link

from .browser import DESKTOP, PHONE, chromium, visit
from .conftest import Console
from .scene import PASSWORD, Login, give_session

ADMIN = """
INSERT INTO person (email, name, role, password_hash, email_confirmed_at, totp_sealed, totp_confirmed_at)
VALUES ('ada@club.example', 'Ada', 'admin', 'none', now(), 'sealed', now())
"""


@pytest.fixture
async def ada(console: Console) -> Login:
    await console.store.execute(ADMIN)
    return await give_session(console.store, "ada@club.example")


@pytest.fixture
async def secret(console: Console) -> str:
    """Give Ana a password."""
    hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    await console.store.execute("UPDATE person SET password_hash = $1 WHERE email = 'ana@club.example'", hashed)
    return PASSWORD


async def test_a_copy_is_downloaded_by_the_form(console: Console, secret: str) -> None:
    wrong = await console.post("/profile/privacy/export", console.ana, present="no")
    assert (wrong.status, b'id="present-error"' in wrong.body) == (422, True)
    body = urlencode({"csrf": console.ana.csrf, "present": secret}).encode()
    head = (
        "POST /profile/privacy/export HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\naccept: text/html\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncookie: {console.ana.cookie}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", console.api.port)
    async with asyncio.timeout(10):
        writer.write(head.encode() + body)
        told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        content = b""
        while size := int((await reader.readline()).strip() or b"0", 16):
            content += await reader.readexactly(size)
            await reader.readline()
    writer.close()
    assert 'attachment; filename="marketbot-1.zip"' in told
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None
        assert b"Principal" in opened.read("account.json")
        assert b"Rui" not in b"".join(opened.read(name) for name in opened.namelist())
        assert opened.read("README.txt").decode().startswith("SEUS DADOS")


async def test_an_erasure_is_asked_for_shown_and_taken_back(console: Console, secret: str) -> None:
    held = await console.post("/profile/privacy/erase", console.ana, password=secret)
    assert (held.status, b'id="force-error"' in held.body) == (422, True)
    wrong = await console.post("/profile/privacy/erase", console.ana, password="no", force="yes")
    assert (wrong.status, b'id="password-error"' in wrong.body) == (422, True)
    assert await console.store.fetchval("SELECT count(*) FROM erasure") == 0
    asked = await console.post("/profile/privacy/erase", console.ana, password=secret, force="yes")
    assert (asked.status, asked.headers["location"]) == (303, "/profile/privacy")
    page = await console.get("/profile/privacy", console.ana)
    assert b"/profile/privacy/keep" in page.body
    assert b"/profile/privacy/erase" not in page.body
    assert b"/profile/privacy/keep" not in (await console.get("/profile/privacy", console.rui)).body
    await console.post("/profile/privacy/keep", console.rui)
    assert await console.store.fetchval("SELECT canceled_at IS NULL FROM erasure")
    await console.post("/profile/privacy/keep", console.ana)
    assert not await console.store.fetchval("SELECT canceled_at IS NULL FROM erasure")


async def test_the_mailed_link_keeps_somebody_without_logging_them_in(console: Console) -> None:
    subject = await person_subject(console.store, PersonId(1))
    assert subject is not None
    await ask_for(console.store, subject, Actor(ActorKind.SYSTEM), force=True)
    link = make_bearer()
    await create_link(console.store, LinkKind.KEEP_PERSON, PersonId(1), link.sha256)
    assert (await console.post("/keep", None, token="nonsense")).status == 422
    kept = await console.post("/keep", None, token=link.text)
    assert (kept.status, kept.headers["location"]) == (303, "/login")
    assert "marketbot=" not in kept.headers.get("set-cookie", "")
    assert await console.store.fetchval("SELECT canceled_at IS NOT NULL FROM erasure")
    assert (await console.post("/keep", None, token=link.text)).status == 422


async def test_an_admin_alone_has_others_erased(console: Console, ada: Login) -> None:
    for who in (console.olga, console.ana):
        assert (await console.get("/operator/privacy", who)).status == 403
        assert (await console.post("/operator/privacy", who, email="rui@club.example", force="yes")).status == 403
    nobody = await console.post("/operator/privacy", ada, email="nobody@club.example")
    assert (nobody.status, b'id="email-error"' in nobody.body) == (422, True)
    held = await console.post("/operator/privacy", ada, email="rui@club.example")
    assert (held.status, b'id="force-error"' in held.body) == (422, True)
    assert (await console.post("/operator/privacy", ada, email="rui@club.example", force="yes")).status == 303
    page = await console.get("/operator/privacy", ada)
    assert (page.status, b"SIMULATION" in page.body, b"rui@" in page.body) == (200, True, False)
    number = await console.store.fetchval("SELECT erasure_id FROM erasure")
    await console.post("/operator/privacy/keep", ada, erasure=str(number))
    assert await console.store.fetchval("SELECT canceled_at IS NOT NULL FROM erasure")
    await console.post("/operator/privacy/keep", ada, erasure="9" * 30)


async def test_what_waits_is_readable_by_everybody(console: Console, ada: Login) -> None:
    for person in (1, 2):
        subject = await person_subject(console.store, PersonId(person))
        assert subject is not None
        await ask_for(console.store, subject, Actor(ActorKind.SYSTEM), force=True)
    await console.store.execute("UPDATE erasure SET tried_at = now() WHERE person_id = 1")
    async with chromium() as browser:
        for size, scheme, locale in ((DESKTOP, "light", "en-US"), (PHONE, "dark", "pt-BR")):
            for who, path in ((console.ana, "/profile/privacy"), (ada, "/operator/privacy")):
                async with visit(browser, console.api.port, who, size=size, scheme=scheme, locale=locale) as visitor:  # type: ignore[arg-type]
                    await visitor.open(path)
                    assert await visitor.faults() == [], (path, scheme)
                    await visitor.shoot(f"waits{path.replace('/', '-')}-{scheme}")
