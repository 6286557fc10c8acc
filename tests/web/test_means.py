"""The pages of channels and tokens: what is shown once, what is refused, and that each owner has their own."""

from __future__ import annotations

import re

import pytest

from marketbot.domain.notice import ChannelKind
from marketbot.notices.codes import code_sha256
from marketbot.settings import Settings

from .conftest import Console
from .scene import Login, give_session

DISCORD = "https://discord.com/api/webhooks/123456789012345678/abcdefghij_KLMNOPQRST-uv"
OF_USER, OF_OPERATOR = "/profile/channels", "/operator/channels"


@pytest.fixture(autouse=True)
def every_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "channel_kinds", property(lambda _settings: frozenset(ChannelKind)))


@pytest.fixture
async def adele(console: Console) -> Login:
    """An admin: of staff she alone changes what the operator is told by."""
    await console.store.execute(
        """INSERT INTO person (email, name, role, password_hash, email_confirmed_at, totp_sealed, totp_confirmed_at)
           VALUES ('adele@club.example', 'Adele', 'admin', 'none', now(), 'sealed', now())"""
    )
    return await give_session(console.store, "adele@club.example")


async def number_of(console: Console, kind: str) -> int:
    number: int = await console.store.fetchval("SELECT channel_id FROM notice_channel WHERE kind = $1", kind)
    return number


async def test_each_means_is_added_and_what_is_secret_is_shown_once(console: Console) -> None:
    for kind in ChannelKind:
        assert (await console.get(f"{OF_USER}?add={kind.value}", console.ana)).status == 200
    webhook = await console.post(OF_USER, console.ana, kind="webhook", url="https://ana.example/a-secret")
    [secret] = re.findall(r"whsec_[\w-]+", webhook.body.decode())
    chat = (await console.post(OF_USER, console.ana, kind="telegram", minimum="critical")).body.decode()
    [code] = set(re.findall(r"/start ([\w-]{20,})", chat))
    mail = await console.post(OF_USER, console.ana, kind="email", address="ana@example.com", language="en")
    discord = await console.post(OF_USER, console.ana, kind="discord", url=DISCORD, **{"notice:position_closed": "true"})
    assert (mail.status, discord.status) == (303, 303)
    page = (await console.get(OF_USER, console.ana)).body.decode()
    for told in ("ana.example", "Telegram", "a***@example.com", "discord.com"):
        assert told in page
    for hidden in (secret, code, "a-secret", "KLMNOPQRST", "ana@example.com"):
        assert hidden not in page
    rows = await console.store.fetch("SELECT kind, minimum::text, notices, language FROM notice_channel ORDER BY channel_id")
    assert [tuple(row) for row in rows] == [
        ("webhook", "warning", None, "en"),
        ("telegram", "critical", None, "en"),
        ("email", "warning", None, "en"),
        # Whoever ticks small things gets them, whatever the severity says.
        ("discord", "info", ["position_closed"], "en"),
    ]
    assert "discord.com" not in (await console.get(OF_USER, console.rui)).body.decode()


async def test_a_mailbox_is_confirmed_changed_tested_and_removed(console: Console) -> None:
    await console.post(OF_USER, console.ana, kind="email", address="ana@example.com")
    path = f"{OF_USER}/{await number_of(console, 'email')}"
    await console.store.execute(
        "UPDATE notice_channel SET code_sha256 = $1, code_until = now() + interval '5 min'",
        code_sha256(await number_of(console, "email"), "ABCDEFGHJK"),
    )
    untold = await console.post(path, console.ana, act="test")
    assert (untold.status, b"not confirmed yet" in untold.body) == (422, True)
    wrong = await console.post(path, console.ana, act="confirm", code="WRONG")
    assert (wrong.status, b"The code is wrong" in wrong.body) == (422, True)
    assert (await console.post(path, console.ana, act="confirm", code=" abcdefghjk ")).status == 303
    assert await console.store.fetchval("SELECT confirmed_at IS NOT NULL FROM notice_channel")
    assert (await console.post(path, console.ana, act="test")).status == 303
    assert await console.store.fetchval("SELECT count(*) FROM job WHERE kind LIKE 'notice%' OR kind LIKE 'channel%'") >= 1
    changed = await console.post(path, console.ana, act="change", language="pt-BR", minimum="critical")
    assert changed.status == 303
    row = await console.store.fetchrow("SELECT language, minimum::text, notices FROM notice_channel")
    assert tuple(row) == ("pt-BR", "critical", None)
    for strange in ({"act": "own"}, {"act": "change", "minimum": "loud"}, {"act": "change", "notice:backup_failed": "true"}):
        assert (await console.post(path, console.ana, **strange)).status == 400, strange
    for act in ("test", "remove", "change", "confirm", "code"):
        assert (await console.post(path, console.rui, act=act, code="X", minimum="info")).status == 404
        assert (await console.post(path, console.ana, csrf="0" * 64, act=act)).status == 403
    assert (await console.post(path, console.ana, act="remove")).status == 303
    assert await console.store.fetchval("SELECT count(*) FROM notice_channel") == 0


async def test_what_cannot_be_a_channel_is_told_beside_its_field(console: Console) -> None:
    for fields, place in (
        ({"kind": "discord", "url": "https://evil.example/x"}, "url-error"),
        ({"kind": "webhook", "url": "http://ana.example/x"}, "url-error"),
        ({"kind": "email", "address": "no address"}, "address-error"),
    ):
        answer = await console.post(OF_USER, console.ana, **fields)
        assert (answer.status, f'id="{place}"' in answer.body.decode()) == (422, True), fields
    assert (await console.post(OF_USER, console.ana, kind="pigeon")).status == 422
    for _ in range(5):
        assert (await console.post(OF_USER, console.ana, kind="discord", url=DISCORD)).status == 303
    full = await console.post(OF_USER, console.ana, kind="discord", url=DISCORD)
    assert (full.status, b"All places are taken" in full.body) == (422, True)


async def test_the_operators_channels_are_changed_by_admins_alone(console: Console, adele: Login) -> None:
    assert (await console.post(OF_OPERATOR, adele, kind="discord", url=DISCORD, **{"notice:backup_failed": "true"})).status == 303
    seen = (await console.get(OF_OPERATOR, console.olga)).body.decode()
    assert "discord.com" in seen
    assert 'name="act"' not in seen, "an operator reads"
    path = f"{OF_OPERATOR}/{await number_of(console, 'discord')}"
    assert (await console.post(path, console.olga, act="remove")).status == 403
    assert (await console.post(path.replace(OF_OPERATOR, OF_USER), console.ana, act="remove")).status == 404
    assert "discord.com" not in (await console.get(OF_USER, console.ana)).body.decode()
    assert (await console.post(path, adele, act="remove")).status == 303


async def test_a_token_is_shown_once_opens_what_was_ticked_and_is_revoked(console: Console) -> None:
    made = await console.post(
        "/profile/tokens", console.ana, name="my program", days="30", **{"scope:accounts:read": "true", "scope:operator:read": ""}
    )
    assert made.status == 200
    [token] = set(re.findall(r"mbu_[\w-]{43}", made.body.decode()))
    me = await console.api.send("GET", "/v1/me", authorization=f"Bearer {token}")
    assert (me.status, me.json["token"]["scopes"]) == (200, ["accounts:read"])
    page = (await console.get("/profile/tokens", console.ana)).body.decode()
    assert "my program" in page
    assert token not in page
    assert "my program" not in (await console.get("/profile/tokens", console.rui)).body.decode()
    number = str(me.json["token"]["token_id"])
    assert (await console.post("/profile/tokens/revoke", console.rui, token=number)).status == 404
    assert (await console.post("/profile/tokens/revoke", console.ana, csrf="0" * 64, token=number)).status == 403
    assert (await console.post("/profile/tokens/revoke", console.ana, token=number)).status == 303
    assert (await console.api.send("GET", "/v1/me", authorization=f"Bearer {token}")).status == 401
    assert "Revoked" in (await console.get("/profile/tokens", console.ana)).body.decode()


async def test_a_token_that_asks_for_too_much_is_not_made(console: Console) -> None:
    for fields in (
        {"name": "", "days": "30", "scope:accounts:read": "true"},
        {"name": "x", "days": "30"},
        {"name": "x", "days": "7", "scope:accounts:read": "true"},
    ):
        assert (await console.post("/profile/tokens", console.ana, **fields)).status == 422, fields
    staff = await console.post("/profile/tokens", console.ana, name="x", days="", **{"scope:operator:read": "true"})
    assert staff.status == 400
    for number in range(51):
        await console.store.execute(
            """INSERT INTO api_token (user_id, name, scopes, sha256, prefix)
               VALUES (1, $1, '{orders:read}', sha256($1::text::bytea), 'mbu_x')""",
            f"token {number}",
        )
    full = await console.post("/profile/tokens", console.ana, name="x", days="30", **{"scope:accounts:read": "true"})
    assert (full.status, b"Revoke one first" in full.body) == (422, True)
    assert 'rel="next"' in (await console.get("/profile/tokens", console.ana)).body.decode()
