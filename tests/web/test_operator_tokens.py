"""Tokens of operators and our addresses, as pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.api.conftest import running

from marketbot.domain.egress import Egress
from marketbot.domain.role import Role
from marketbot.web.pages.egress import WayOut, ways_out

from .conftest import Console
from .staff import give_staff

TOKEN = re.compile(r'id="token"[^>]*>(mbo_[A-Za-z0-9_-]{43})</pre>')


@pytest.fixture
def more_accounts() -> int:
    return 0


async def test_a_token_is_shown_once_works_and_is_revoked(console: Console) -> None:
    admin = (await give_staff(console.store))[Role.ADMIN]
    made = await console.post("/operator/tokens", admin, name="Grafana", rights="read", life="30")
    found = TOKEN.search(made.body.decode())
    assert (made.status, found is not None) == (200, True), made.body[:2000]
    assert found is not None
    row = await console.store.fetchrow("SELECT token_id, user_id, scopes, expires_at FROM api_token")
    assert (row["user_id"], row["scopes"]) == (None, ["operator:read"])
    assert abs(row["expires_at"] - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)
    listed = (await console.get("/operator/tokens", admin)).body.decode()
    assert "Grafana" in listed
    assert found[1] not in listed
    assert (await console.api.get("/v1/operator/users", token=found[1])).status == 200
    assert (await console.post(f"/operator/tokens/{row['token_id']}/revoke", admin)).status == 303
    assert (await console.api.get("/v1/operator/users", token=found[1])).status == 401
    assert "Revoked" in (await console.get("/operator/tokens", admin)).body.decode()
    assert (await console.post("/operator/tokens/999999/revoke", admin)).status == 404
    file = (await console.get("/operator/tokens?format=csv", admin)).body.decode("utf-8-sig")
    assert file.startswith("token,prefix,scopes")
    assert found[1] not in file


async def test_what_cannot_be_is_told_beside_its_field(console: Console) -> None:
    admin = (await give_staff(console.store))[Role.ADMIN]
    for fields, wrong in (
        ({"name": " ", "rights": "read", "life": "30"}, "name"),
        ({"name": "x", "rights": "everything", "life": "30"}, "rights"),
        ({"name": "x", "rights": "read", "life": "31"}, "life"),
    ):
        answer = await console.post("/operator/tokens", admin, **fields)
        assert (answer.status, f'id="{wrong}-error"' in answer.body.decode()) == (422, True), fields
    assert await console.store.fetchval("SELECT count(*) FROM api_token") == 0
    await console.store.execute(
        "INSERT INTO api_token (name, scopes, sha256, prefix)"
        " SELECT 'n' || n, '{operator:read}', sha256(n::text::bytea), 'mbo_aaaa' FROM generate_series(1, 50) n"
    )
    full = await console.post("/operator/tokens", admin, name="x", rights="read", life="30")
    assert (full.status, b"Revoke one first" in full.body) == (422, True)


async def test_only_an_administrator_makes_and_revokes(console: Console) -> None:
    await console.store.execute(
        "INSERT INTO api_token (user_id, name, scopes, sha256, prefix) VALUES"
        " (1, 'hers', '{accounts:read}', sha256('a'), 'mbu_aaaa'), (NULL, 'ours', '{operator:read}', sha256('b'), 'mbo_bbbb')"
    )
    ours = await console.store.fetchval("SELECT token_id FROM api_token WHERE name = 'ours'")
    for role, who in (await give_staff(console.store)).items():
        page = (await console.get("/operator/tokens", who)).body.decode()
        assert ("ours" in page, "hers" in page) == (True, False)
        assert ('action="/operator/tokens' in page) is (role is Role.ADMIN), role
        assert "hers" in (await console.get("/operator/tokens?whose=users", who)).body.decode()
        if role is not Role.ADMIN:
            assert (await console.post("/operator/tokens", who, name="x", rights="read", life="30")).status == 403
            assert (await console.post(f"/operator/tokens/{ours}/revoke", who)).status == 403
    assert (await console.get("/operator/tokens?whose=mine", console.olga)).status == 400
    assert await console.store.fetchval("SELECT count(*) FROM api_token WHERE revoked_at IS NULL") == 2


async def test_our_addresses_are_shown_to_be_whitelisted(console: Console, tmp_path: Path) -> None:
    assert "MARKETBOT_EGRESS_ADDRESSES" in (await console.get("/operator/egress", console.olga)).body.decode()
    await console.store.execute("UPDATE account SET egress = 7 WHERE account_id = 1")
    place = tmp_path / "ways"
    place.mkdir()
    async with running(
        console.api.database, place, egress_addresses="203.0.113.7,http://bob:hunter2secret@203.0.113.9:3128"
    ) as api:
        page = (
            await Console(api, console.store, console.ana, console.rui, console.olga).get("/operator/egress", console.olga)
        ).body
    text = page.decode()
    assert "203.0.113.7\n203.0.113.9</pre>" in text
    assert "hunter2secret" not in text
    assert "Number 7 is not set any more" in text


def test_ways_out_count_their_accounts() -> None:
    ways = (Egress.parse("203.0.113.7"), Egress.parse("socks5://203.0.113.9:1080"))
    assert ways_out(ways, {0: 3, 4: 1}) == [
        WayOut(0, "203.0.113.7", False, 3),
        WayOut(1, "203.0.113.9", True, 0),
        WayOut(4, None, False, 1),
    ]
    assert ways_out((), {0: 3}) == []
