"""Texts that do something where they are shown, planted in every place that somebody can write to, and looked for everywhere.

Some are refused at the door, which is as good. What gets in, and what other programs could put into a row, must stay a text: on every
page and part, in every JSON answer and CSV file, in the control report, and in the log.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest

from marketbot.observability.logs import configure_logs, logger

from .addresses import Address
from .bodies import PASSWORD
from .siege import ANA, FORM, HTML, Siege, body_of

HIT = "hit1337"
"""Part of each: where it is shown, it is found."""
TEXTS = (
    f"<script>{HIT}()</script>",
    f'"><img src=x onerror={HIT}()>',
    f"' onfocus='{HIT}()' autofocus='",
    f"</textarea></title></svg><svg onload={HIT}()>",
    f"javascript:{HIT}()",
    f'=HYPERLINK("http://evil.example/{HIT}")',
    f"+{HIT}",
    f"-{HIT}",
    f"@{HIT}",
    f" \t={HIT}",
    f"{{{{1234567*89}}}}{{% for x in [1] %}}{HIT}{{% endfor %}}",
    f"%(x)s {{0.__class__}} {{label}} {HIT}",
    f"'; UPDATE person SET role = 'admin'; -- {HIT}",
    f"\\'; DROP TABLE account; -- {HIT}",
    f"{HIT}%0d%0aX-Planted: 1",
    f"[{HIT}](javascript:alert(1)) | x | y",
    f"\u202e{HIT}",
)
COMPUTED = str(1234567 * 89)
PARTS = {
    "/home": ("closing", "standing", "positions", "signals", "accounts"),
    "/operator": ("state", "progress", "markets", "load", "venues", "figures"),
    "/operator/controls": ("state",),
    "/operator/controls/{command_id:int}": ("progress",),
    "/operator/jobs": ("queues",),
    "/operator/accounts/{account_id:int}": ("standing", "positions", "outcomes"),
    "/operator/signals/{signal_id:int}": ("progress", "accounts"),
    "/accounts/{account_id:int}": ("key",),
    "/positions/{account_id:int}/{symbol:str}/{side:str}": ("standing",),
}
TABLES = (
    "/signals", "/results", "/accounts", "/operator/accounts", "/operator/users", "/operator/controls", "/operator/jobs", "/operator/audit",
    "/operator/people", "/operator/people/invitations", "/operator/sources", "/operator/tokens", "/operator/signals/{signal_id:int}",
)  # fmt: skip
"""They come as a file too."""
FORMULA = re.compile(r"^\s*[=+\-@\t\r\n]")
NUMBER = re.compile(r"^-?\d+(\.\d+)?$")
ACTIVE = frozenset({"script", "img", "iframe", "object", "embed", "base", "meta", "link"})

_WORST = """
UPDATE account SET label = left($1, 60) || user_id || '-' || account_id, status_reason = $1, status = 'quarantined' WHERE user_id = 1;
UPDATE app_user SET name = left($1, 60) WHERE user_id = 1;
UPDATE person SET name = left($1, 60) WHERE user_id = 1;
UPDATE login_session SET user_agent = left($1, 60), address = left($1, 40);
UPDATE switch SET reason = left($1, 60);
UPDATE api_token SET name = left($1, 40);
UPDATE signal SET body = $1;
UPDATE notice_channel SET name = left($1, 60);
UPDATE passkey SET name = left($1, 60);
UPDATE notice_hook SET host = left($1, 60);
UPDATE intent SET detail = $1 WHERE state = 'denied';
UPDATE outcome SET detail = $1;
UPDATE job SET failed = $1;
UPDATE invitation SET email = left($1, 60);
UPDATE control_command SET reason = left($1, 60);
UPDATE position SET symbol = symbol || left($1, 20) WHERE user_id = 1;
UPDATE realized_result SET symbol = left($1, 20) WHERE user_id = 1
"""


class Elements(HTMLParser):
    """What a browser would make of a page: its elements and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def judge_page(page: str, where: str) -> None:
    for tag, attributes in Elements(page).found:
        told = (where, tag, attributes)
        assert not [name for name in attributes if name.startswith("on") or HIT in name], told
        if tag in ACTIVE:
            assert not [value for value in attributes.values() if HIT in value], told
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post"):
            assert not attributes.get(name, "").lower().lstrip().startswith(("javascript:", "vbscript:", "data:text")), told
    assert COMPUTED not in page, where


def judge_csv(body: bytes, where: str) -> int:
    cells = [cell for row in csv.reader(io.StringIO(body.decode("utf-8-sig"))) for cell in row]
    for cell in cells:
        assert NUMBER.match(cell) or not FORMULA.match(cell), (where, cell)
    return sum(HIT in cell for cell in cells)


async def plant(siege: Siege, text: str) -> None:
    for statement in _WORST.strip().split(";\n"):
        await siege.store.execute(statement, text)


async def everything(siege: Siege, addresses: list[Address]) -> AsyncIterator[tuple[str, Any]]:
    """Yield every answer to a read there is, as each who may read it."""
    numbers = await siege.numbers_of(ANA)
    for address in addresses:
        if address.writes or "events" in address.path or address.path.startswith("/static"):
            continue
        for name in ("ana", "admin"):
            who = siege.sessions[name]
            if address.standing is None and address.guarded and address.scope not in who.scopes:
                continue
            queries = [
                "",
                *(["?format=csv"] if address.path in TABLES else []),
                *(f"?part={part}" for part in PARTS.get(address.path, ())),
            ]
            for query in queries:
                yield f"{address}{query} as {name}", await siege.ask(address, who, numbers, query=query)


@pytest.mark.parametrize("text", TEXTS)
async def test_what_is_written_is_shown_and_does_nothing(siege: Siege, addresses: list[Address], text: str) -> None:
    await plant(siege, text)
    shown = {"text/html": 0, "text/csv": 0, "application/json": 0}
    async for where, answer in everything(siege, addresses):
        media = answer.headers.get("content-type", "").partition(";")[0]
        assert answer.status in (200, 303, 404), (where, answer.status, answer.body[:300])
        assert "x-planted" not in answer.headers
        if media == "text/html":
            judge_page(answer.body.decode(), where)
            shown[media] += HIT in answer.body.decode()
        elif media == "text/csv":
            shown[media] += judge_csv(answer.body, where) > 0
        elif media == "application/json":
            assert (
                where.startswith(("GET /health", "GET /v1/openapi.json")) or answer.headers["x-content-type-options"] == "nosniff"
            )
            shown[media] += HIT in json.dumps(answer.json)
        elif media == "text/markdown":
            assert "<script" not in answer.body.decode()
            assert "](javascript:" not in answer.body.decode()
    assert shown["text/html"] >= 5, shown
    assert shown["text/csv"] >= 6 or not text.isprintable(), shown
    assert shown["application/json"] >= 8, shown


@pytest.mark.parametrize("text", TEXTS)
async def test_what_is_sent_is_kept_as_it_is_or_refused(siege: Siege, addresses: list[Address], text: str) -> None:
    """Each text field of every form and body, with each text: nothing but that row says it, and nothing runs in the database."""
    roles = await siege.store.fetch("SELECT person_id, role FROM person ORDER BY 1")
    tables = await siege.store.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    numbers = await siege.numbers_of(ANA)
    over = {
        "/logout",
        "/v1/session",
        "/v1/sessions",
        "/v1/sessions/{session_id:int}",
        "/profile/password",
        "/v1/session/password",
    }
    for address in (each for each in addresses if each.writes and each.path not in over):
        body = body_of(address)
        who = siege.sessions["admin" if address.of_staff else "ana"]
        for field, value in (body or {}).items():
            if isinstance(value, str):
                answer = await siege.ask(address, who, numbers, {**(body or {}), field: text})
                assert answer.status < 500, (str(address), field, answer.body[:300])
                assert "x-planted" not in answer.headers
                if address.page:
                    judge_page(answer.body.decode(), f"{address} {field}")
    assert await siege.store.fetch("SELECT person_id, role FROM person ORDER BY 1") == roles
    assert await siege.store.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == tables
    assert await siege.store.fetchval("SELECT count(*) FROM account") >= 6


@pytest.mark.parametrize("text", [each for each in TEXTS if each.isprintable()])
async def test_a_browsers_name_and_a_refused_address_are_texts(siege: Siege, text: str) -> None:
    sent = urlencode({"email": text, "password": text, "next": text}).encode()
    answer = await siege.api.send("POST", "/login", sent, content_type=FORM, accept=HTML, user_agent=text)
    assert answer.status == 422
    judge_page(answer.body.decode(), "the login's refusal")
    sent = urlencode({"email": "ana@club.example", "password": PASSWORD}).encode()
    entered = await siege.api.send("POST", "/login", sent, content_type=FORM, accept=HTML, user_agent=text)
    cookie = re.search(r"marketbot=[A-Za-z0-9_-]{43}", entered.headers["set-cookie"])
    assert cookie is not None
    judge_page((await siege.api.send("GET", "/profile", accept=HTML, cookie=cookie[0])).body.decode(), "the profile")


@pytest.mark.parametrize("console", [False, True])
@pytest.mark.parametrize(
    "text", ["a\nfake_line  level=error", 'a\r\n{"event":"fake"}', "\x1b[2J\x1b[31m", "\ud800", "\x00", "\u2028x", "\x85x"]
)
def test_a_text_is_one_line_of_the_log_and_commands_no_terminal(console: bool, text: str) -> None:
    stream = io.StringIO()
    configure_logs(stream=stream, console=console)
    try:
        logger("test").info("planted", name=text, nested={"name": [text]})
        logger("test").warning("second", number=1)
    finally:
        configure_logs()
    lines = stream.getvalue().rstrip("\n").split("\n")
    assert len(lines) == 2, lines
    assert "planted" in lines[0]
    assert "second" in lines[1]
    assert "\x1b" not in stream.getvalue()
    assert "\x00" not in stream.getvalue()
