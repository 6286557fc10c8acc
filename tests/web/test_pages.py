"""Pages over HTTP: who comes in, what the headers say, what forms do, and that nobody sees another's."""

from __future__ import annotations

import gzip
import re

import pytest

from marketbot.domain.trading_state import TradingState
from marketbot.web.assets import assets
from marketbot.web.headers import CONTENT_SECURITY_POLICY

from .conftest import Console
from .scene import HOSTILE, Login

POSITION = "/positions/1/BTCUSDT/long"
OF_USERS = (
    *(
        "/home",
        "/signals",
        "/results",
        "/accounts",
        "/accounts/1",
        POSITION,
        "/profile",
        "/profile/privacy",
        "/profile/passkeys",
        "/second-factor",
    ),
    *("/accounts/connect", "/accounts/connect?venue=bybit&environment=mainnet", "/accounts/connect?venue=ccxt&exchange=okx"),
    *(
        "/accounts/1/key",
        "/accounts/1/disconnect",
        "/accounts/2",
        "/accounts/1?part=key",
        "/close",
        "/close?account=1&symbol=BTCUSDT",
    ),
    "/close?account=2",
    *("/profile/channels", "/profile/channels?add=discord", "/profile/channels?add=webhook", "/profile/tokens"),
)
OF_STAFF = (
    *(
        "/operator",
        "/operator/accounts",
        "/operator/readiness",
        "/operator/readiness?report=1",
        "/profile",
        "/profile/privacy",
        "/profile/passkeys",
        "/second-factor",
    ),
    *("/operator/channels", "/operator/channels?add=slack"),
)
OF_ADMINISTRATION = (
    "/operator/sources",
    "/operator/sources/1",
    "/operator/sources/test",
    "/operator/policy",
    "/operator/tokens",
    "/operator/egress",
)
OPEN = ("/login", "/setup", "/invitation", "/forgot", "/reset", "/keep", "/developers", "/developers/connect_account")
PARTS = tuple(f"/home?part={part}" for part in ("closing", "standing", "positions", "signals", "accounts"))
OPERATOR_PARTS = tuple(f"/operator?part={part}" for part in ("state", "progress", "markets", "load", "venues", "figures"))
OF_THE_DESK = (
    "/operator/controls",
    "/operator/controls/preview?deed=halt&scope=everything",
    "/operator/controls/preview?deed=close&scope=account&key=1&symbol=btcusdt",
    "/operator/accounts/1",
    "/operator/accounts/2",
    "/operator/users",
    "/operator/users/1",
    "/operator/signals/10",
    "/operator/signals/10?became=denied",
    "/operator/jobs",
)
DESK_PARTS = (
    "/operator/controls?part=state",
    "/operator/jobs?part=queues",
    *(f"/operator/accounts/1?part={part}" for part in ("standing", "positions", "outcomes")),
    *(f"/operator/signals/10?part={part}" for part in ("progress", "accounts")),
)
FIRST_LOAD_MAX_BYTES = 350_000
_LOADED = re.compile(r'(?:src|href)="(/static/[^"]+)"')


async def test_everybody_sees_their_pages(console: Console) -> None:
    for who, paths in (
        (console.ana, (*OF_USERS, *PARTS, f"{POSITION}?part=standing")),
        (console.olga, OF_STAFF + OF_ADMINISTRATION + OPERATOR_PARTS + OF_THE_DESK + DESK_PARTS),
        (None, OPEN),
    ):
        for path in paths:
            answer = await console.get(path, who)
            assert answer.status == 200, (path, answer.body[:600])
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            text = answer.body.decode()
            if "part=" not in path:
                assert "SIMULATION" in text
            assert "style=" not in text
            assert not re.search(r"\son[a-z]+=", text)
            assert not re.search(r"<script(?![^>]* src=)", text)


@pytest.mark.parametrize("state", list(TradingState)[1:])
async def test_every_page_opens_under_every_halt(console: Console, state: TradingState) -> None:
    """What is stopped is told on the pages that people open just then."""
    keys = {"everything": "", "environment": "testnet", "venue": "bybit", "instrument": "BTCUSDT", "user": "1", "account": "1"}
    for scope, key in keys.items():
        await console.store.execute(
            "INSERT INTO switch (scope, key, state, reason) VALUES ($1, $2, $3, 'a reason')", scope, key, state.value
        )
    for who, paths in ((console.ana, OF_USERS + PARTS), (console.olga, OF_STAFF + OPERATOR_PARTS + OF_THE_DESK + DESK_PARTS)):
        for path in paths:
            assert (await console.get(path, who)).status == 200, path
    told = (await console.get("/operator?part=state", console.olga)).body.decode()
    assert told.count("a reason") == len(keys)
    hers = (await console.get("/home?part=standing", console.ana, accept_language="en")).body.decode()
    assert "and 2 more" in hers
    assert "a reason" not in hers


async def test_every_page_is_guarded_by_headers(console: Console) -> None:
    for path, who in (("/home", console.ana), ("/login", None), ("/nowhere", None), ("/home", None), ("/operator", console.ana)):
        answer = await console.get(path, who)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "unsafe" not in answer.headers["content-security-policy"]


async def test_who_is_not_logged_in_is_sent_to_log_in_and_back(console: Console) -> None:
    answer = await console.get("/accounts/1", None)
    assert (answer.status, answer.headers["location"]) == (303, "/login?next=/accounts/1")
    part = await console.get("/home?part=positions", None, hx_request="true")
    assert (part.status, part.headers["hx-redirect"]) == (401, "/login")
    forged = Login(console.ana.bearer.__class__("A" * 43, b""))
    assert (await console.get("/home", forged)).status == 303


async def test_a_role_opens_its_own_pages_alone(console: Console) -> None:
    for path in ("/operator", "/operator/accounts", "/operator/readiness"):
        assert (await console.get(path, console.ana)).status == 403
    for path in ("/home", "/signals", "/results", "/accounts", "/accounts/1"):
        assert (await console.get(path, console.olga)).status == 403


async def test_a_second_user_sees_nothing(console: Console) -> None:
    for path in ("/home", "/signals", "/results", "/accounts", *PARTS, "/signals?format=csv", "/results?format=csv"):
        hers, his = await console.get(path, console.ana), await console.get(path, console.rui)
        assert hers.status == his.status == 200
        # Whole amounts, as either language writes them: three digits stand in a page's random token every now and then.
        of_rui = (b"Conta do Rui", b"ADAUSDT", b"777.77", b"777,77")
        of_ana = (b"Principal", b"Treino", b"12480.55", b"12,480.55", b"12.480,55")
        for mine, others in ((hers, of_rui), (his, of_ana)):
            assert [each for each in others if each in mine.body] == []
    for path in ("/accounts/1", "/accounts/999999", "/accounts/99999999999999999999", POSITION, f"{POSITION}?part=standing"):
        stolen = await console.get(path, console.rui)
        assert stolen.status == 404
        assert b"Principal" not in stolen.body


async def test_forms_need_their_token(console: Console) -> None:
    for path in (
        "/home/pause",
        "/accounts/1",
        "/profile",
        "/profile/password",
        "/profile/sessions",
        "/logout",
        "/second-factor/begin",
    ):
        for token in ("", "0" * 64, console.rui.csrf):
            answer = await console.post(path, console.ana, csrf=token, paused="true", name="x", language="en")
            assert answer.status == 403, path
        other_site = await console.send(
            "POST", path, console.ana, f"csrf={console.ana.csrf}".encode(),
            content_type="application/x-www-form-urlencoded", sec_fetch_site="cross-site",
        )  # fmt: skip
        assert other_site.status == 403
    assert await console.store.fetchval("SELECT count(*) FROM account WHERE paused AND user_id = 1") == 1
    assert await console.store.fetchval("SELECT name FROM person WHERE email = 'ana@club.example'") == "Ana Souza"
    assert (await console.get("/home", console.ana)).status == 200


async def test_pausing_pauses_ones_own(console: Console) -> None:
    all_paused = await console.post("/home/pause", console.ana, paused="true")
    assert (all_paused.status, all_paused.headers["location"]) == (303, "/home")
    rows = await console.store.fetch(
        "SELECT user_id, bool_and(paused) AS paused FROM account WHERE account_id <= 4 GROUP BY 1 ORDER BY 1"
    )
    assert [(row["user_id"], row["paused"]) for row in rows] == [(1, True), (2, False)]
    await console.post("/home/pause", console.ana, paused="false", account="1")
    assert not await console.store.fetchval("SELECT paused FROM account WHERE account_id = 1")
    await console.post("/home/pause", console.ana, paused="true", account="4")
    assert not await console.store.fetchval("SELECT paused FROM account WHERE account_id = 4")
    assert (await console.post("/home/pause", console.ana, paused="true", account="1; DROP")).status == 404


async def test_settings_are_taken_whole_or_not_at_all(console: Console) -> None:
    wrong = await console.post("/accounts/1", console.ana, leverage="77", stop_multiplier="2,5", daily_loss_limit="-1")
    text = wrong.body.decode()
    assert wrong.status == 422
    assert 'id="leverage-error"' in text
    assert 'id="daily_loss_limit-error"' in text
    assert 'value="77"' in text
    assert await console.store.fetchval("SELECT leverage FROM account WHERE account_id = 1") == 5
    right = await console.post(
        "/accounts/1", console.ana, leverage="8", stop_multiplier="2,5", allowed_symbols="btcusdt, ETHUSDT", paused="true"
    )
    assert (right.status, right.headers["location"]) == (303, "/accounts/1")
    row = await console.store.fetchrow(
        "SELECT leverage, stop_multiplier, target_multiplier, allowed_symbols, paused FROM account WHERE account_id = 1"
    )
    assert tuple(row) == (8, pytest.approx(2.5), None, ["BTCUSDT", "ETHUSDT"], True)
    stolen = await console.post("/accounts/1", console.rui, leverage="3")
    assert stolen.status == 404
    assert await console.store.fetchval("SELECT leverage FROM account WHERE account_id = 1") == 8


async def test_what_others_wrote_is_neither_markup_nor_a_formula(console: Console) -> None:
    await console.store.execute("UPDATE account SET label = $1 WHERE account_id = 1", HOSTILE)
    for path, who in (
        ("/home", console.ana),
        ("/accounts", console.ana),
        ("/accounts/1", console.ana),
        ("/accounts/1/key", console.ana),
        ("/accounts/1/disconnect", console.ana),
        ("/close", console.ana),
        ("/close?account=1", console.ana),
        ("/accounts/connect?label=%3Cscript%3Ealert(1)%3C/script%3E&venue=bybit", console.ana),
        ("/signals", console.ana),
    ):
        answer = await console.get(path, who)
        assert answer.status == 200
        assert b"<script>alert" not in answer.body
    listed = (await console.get("/operator/accounts?order=oldest&format=csv", console.olga)).body.decode("utf-8-sig")
    assert "\r\n'=cmd|" in listed or "\r\n\"'=cmd|" in listed
    assert "\r\n=cmd" not in listed


async def test_everybodys_accounts_are_paged_narrowed_and_exported(console: Console) -> None:
    seen: list[str] = []
    path = "/operator/accounts?status=ready"
    while path:
        text = (await console.get(path, console.olga)).body.decode()
        seen += re.findall(r'data-label="Number"[^>]*>(\d+)<', text)
        found = re.search(r'rel="next" href="([^"]+)"', text)
        path = found[1].replace("&amp;", "&") if found else ""
    wanted = await console.store.fetch("SELECT account_id FROM account WHERE status = 'ready' ORDER BY account_id DESC")
    assert [int(each) for each in seen] == [row["account_id"] for row in wanted]
    file = await console.get("/operator/accounts?venue=bybit&format=csv", console.olga)
    assert file.headers["content-disposition"].startswith("attachment")
    count = await console.store.fetchval("SELECT count(*) FROM account WHERE venue = 'bybit'")
    assert len(file.body.decode().strip().split("\r\n")) == count + 1
    for hostile in ("status=x", "after=nonsense", "venue=%27%3B--", "q=" + "a" * 99, "environment=real"):
        assert (await console.get(f"/operator/accounts?{hostile}", console.olga)).status == 400
    assert (await console.get("/operator/accounts?q=CONTA%201", console.olga)).body.count(b"<tr>") > 10


@pytest.mark.parametrize("more_accounts", [10_000])
async def test_ten_thousand_accounts_are_a_page_like_any_other(console: Console, more_accounts: int) -> None:
    """What it costs the server is the rows of one page: the database reads few blocks, however many accounts there are."""
    from marketbot.store.account_list import DOWNWARDS, STATUSES

    first = await console.get("/operator/accounts", console.olga)
    assert (first.status, first.body.count(b"<tr>")) == (200, 51)
    assert (await console.get("/accounts?order=newest", console.rui)).body.count(b"<tr>") == 51
    # A status that few have, or none, is looked for among all accounts; what belongs to a row is read for those shown alone.
    for status in (None, *STATUSES):
        plan = await console.store.fetchval(
            "EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) " + DOWNWARDS, 2**63 - 1, status, None, None, None, 51
        )
        assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 1_000, status


async def test_language_and_theme_are_the_viewers(console: Console) -> None:
    english = await console.get("/login", None, accept_language="en-US,en;q=0.9")
    portuguese = await console.get("/login", None, accept_language="pt-BR,pt;q=0.9")
    assert b'lang="en"' in english.body
    assert b'<html lang="pt-BR"' in portuguese.body
    assert "SIMULAÇÃO" in portuguese.body.decode()
    chosen = await console.post("/preferences", None, language="pt", next="/login")
    assert (chosen.status, chosen.headers["location"]) == (303, "/login")
    assert "marketbot_language=pt" in chosen.headers["set-cookie"]
    dark = await console.get("/login", None, cookie="marketbot_theme=dark; marketbot_language=pt")
    assert b'data-theme="dark"' in dark.body
    assert (await console.post("/preferences", None, theme="dark", next="//evil.example")).headers["location"] == "/"
    hostile = await console.get(
        "/login", None, cookie='marketbot_theme="><script>; marketbot_language=xx; marketbot_zone=../../etc'
    )
    assert b"<script>;" not in hostile.body


async def test_errors_are_pages_for_browsers_and_problems_for_programs(console: Console) -> None:
    page = await console.get("/nowhere", None)
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    program = await console.get("/v1/nowhere", None)
    assert (program.status, program.headers["content-type"]) == (404, "application/problem+json")
    assert (await console.get("/nowhere", None, accept="application/json")).headers["content-type"] == "application/problem+json"
    too_large = await console.post("/login", None, email="x" * 20_000)
    assert too_large.status in (400, 413)
    twice = await console.send("POST", "/login", None, b"email=a&email=b", content_type="application/x-www-form-urlencoded")
    assert twice.status == 400


async def test_a_first_load_is_light(console: Console) -> None:
    for path, who in (("/login", None), ("/home", console.ana), ("/operator", console.olga), (POSITION, console.ana)):
        text = (await console.get(path, who)).body.decode()
        loaded = sorted(set(_LOADED.findall(text)))
        assert any("htmx" in each for each in loaded)
        if path not in (POSITION, "/operator"):
            assert not any("lightweight" in each or "uplot" in each for each in loaded)
        sizes = [len((await console.get(each, None, accept_encoding="gzip")).body) for each in loaded]
        assert sum(sizes) + len(gzip.compress(text.encode())) < FIRST_LOAD_MAX_BYTES
        assert re.findall(r"<script(?! defer)", text) == []
    assert assets().find("/missing/vendor/htmx.js") is None


async def test_a_message_is_told_once(console: Console) -> None:
    done = await console.post("/home/pause", console.ana, paused="false", account="3")
    assert "marketbot_said=resumed" in done.headers["set-cookie"]
    told = await console.get("/home", console.ana, cookie="marketbot_said=resumed")
    assert b'class="toast"' in told.body
    assert "marketbot_said=" in told.headers["set-cookie"]
    assert b'class="toast"' not in (await console.get("/home", console.ana, cookie="marketbot_said=<script>")).body
