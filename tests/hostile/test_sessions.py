"""What stands between a session and those who would ride on it: other sites, planted cookies, other verbs, addresses to be sent to."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.api.conftest import Answer
from tests.web.scene import give_session

from marketbot.api.openapi import DOCUMENT_PATH
from marketbot.domain.role import ROLE_SCOPES, Role
from marketbot.web.headers import CONTENT_SECURITY_POLICY

from .addresses import Address
from .bodies import FORMS, PASSWORD
from .siege import ANA, FORM, HTML, NOBODY, RUI, Caller, Siege, body_of, encoded, siege_of

OWN_SESSION_OVER = ("/logout", "/v1/session", "/v1/sessions", "/profile/sessions")
QUESTION = "/v1/session/passkey/begin"
"""Takes no body, and answers a challenge, which another site cannot read and which is nobody's."""
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "FOO")
OVERRIDES = ("x_http_method_override", "x_http_method", "x_method_override")
ELSEWHERE = (
    "https://evil.example", "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example",
    "/\t/evil.example", "/\n/evil.example", "https:evil.example", "http:\\\\evil.example", "javascript:alert(1)", "data:text/html,x",
    "/%2F%2Fevil.example/..;//evil.example", "//evil.example@club.example", "/\x00/evil.example", "\u2215\u2215evil.example",
    "/\r\nLocation: https://evil.example", " //evil.example", "/./\\evil.example", "/;@evil.example",
)  # fmt: skip
TO = (
    "next",
    "url",
    "redirect",
    "redirect_to",
    "return",
    "return_to",
    "returnTo",
    "continue",
    "to",
    "back",
    "goto",
    "dest",
    "path",
    "referer",
)


def callers(siege: Siege, address: Address) -> Caller:
    return siege.sessions["admin" if address.of_staff else "ana"]


async def send(siege: Siege, address: Address, who: Caller, csrf: str | None, **more: str) -> Answer:
    """Send what the address takes with another CSRF token (None: none), as a page's form or its script would."""
    numbers = await siege.numbers_of(ANA)
    assert who.login is not None
    headers = {"accept": HTML if address.page else "application/json", "cookie": who.login.cookie} | more
    if address.page:
        fields = {**(body_of(address) or {}), **({} if csrf is None else {"csrf": csrf})}
        return await siege.api.send(address.method, address.at(numbers), urlencode(fields).encode(), content_type=FORM, **headers)
    body, media = encoded(address, body_of(address), who)
    if media:
        headers["content_type"] = media
    if csrf is not None:
        headers["x_csrf_token"] = csrf
    return await siege.api.send(address.method, address.at(numbers), body, **headers)


async def test_whatever_changes_something_needs_our_own_page(siege: Siege, addresses: list[Address]) -> None:
    """No token, nobody's, another session's, one of this person's earlier session, one cut short; then the right one from another site."""
    earlier = {name: (await give_session(siege.store, f"{name}@club.example")).csrf for name in ("ana", "admin")}
    before = await siege.digest()
    changing = [each for each in addresses if each.writes and each.guarded]
    assert len(changing) > 50
    for address in changing:
        who = callers(siege, address)
        assert who.login is not None
        name = who.name.partition("'")[0]
        for csrf in (
            None,
            "",
            "0" * 64,
            siege.sessions["rui"].login.csrf,
            earlier[name],
            who.login.csrf[:-1],
            who.login.bearer.text,
        ):  # type: ignore[union-attr]
            assert (await send(siege, address, who, csrf)).status == 403, (str(address), csrf)
        for site in ("cross-site", "same-site", "nonsense", "Same-Origin"):
            assert (await send(siege, address, who, who.login.csrf, sec_fetch_site=site)).status == 403, (str(address), site)
    assert await siege.digest() == before


async def test_a_token_in_the_query_or_of_another_place_counts_nothing(siege: Siege) -> None:
    ana = siege.sessions["ana"]
    assert ana.login is not None
    before = await siege.digest()
    pause = Address("POST", f"/home/pause?csrf={ana.login.csrf}", True, None, None)
    assert (await send(siege, pause, ana, None)).status == 403
    pause = Address("POST", f"/v1/me/pause?csrf={ana.login.csrf}", False, None, None)
    assert (await send(siege, pause, ana, None)).status == 403
    cookie = f"{ana.login.cookie}; csrf={ana.login.csrf}; x-csrf-token={ana.login.csrf}"
    assert (await siege.api.send("POST", "/v1/me/pause", b"{}", content_type="application/json", cookie=cookie)).status == 403
    assert await siege.digest() == before


async def test_what_is_open_is_not_open_to_another_site(siege: Siege, addresses: list[Address]) -> None:
    """Logging somebody in as somebody else is an attack too. A form of another site cannot send JSON, and says where it comes from."""
    before = await siege.digest()
    before.pop("passkey_challenge")
    for address in addresses:
        if not address.writes or address.guarded or "webhook" in address.path:
            continue
        body, media = encoded(address, body_of(address), NOBODY)
        accept = HTML if address.page else "application/json"
        for site in ("cross-site", "same-site"):
            answer = await siege.api.send("POST", address.path, body, content_type=media, accept=accept, sec_fetch_site=site)
            assert answer.status == 403, str(address)
            assert "set-cookie" not in answer.headers
        if not address.page:
            for simple in ("text/plain", FORM, "multipart/form-data; boundary=x"):
                refused = await siege.api.send("POST", address.path, body, content_type=simple)
                if address.path == QUESTION:
                    assert "set-cookie" not in refused.headers
                    assert "access-control-allow-origin" not in refused.headers
                    continue
                assert refused.status == (403 if address.path == "/v1/sign-up" else 415), str(address)  # closed, to everybody
    after = await siege.digest()
    after.pop("passkey_challenge")
    assert after == before


async def test_a_planted_session_is_neither_kept_nor_left_open(siege: Siege) -> None:
    """Fixation: the cookie that a browser comes with, an attacker's own say, is ended by the login and is not the one that comes of it."""
    planted = siege.sessions["rui"]
    assert planted.login is not None
    sent = urlencode({"email": "ana@club.example", "password": PASSWORD}).encode()
    answer = await siege.api.send("POST", "/login", sent, content_type=FORM, accept=HTML, cookie=planted.login.cookie)
    assert (answer.status, answer.headers["location"]) == (303, "/home")
    assert planted.login.bearer.text not in answer.headers["set-cookie"]
    assert (await siege.api.send("GET", "/v1/session", cookie=planted.login.cookie)).status == 401
    for chosen in ("x" * 43, "A" * 43, ""):
        answer = await siege.api.send("POST", "/login", sent, content_type=FORM, accept=HTML, cookie=f"marketbot={chosen}")
        assert chosen == "" or chosen not in answer.headers["set-cookie"]
        assert (await siege.api.send("GET", "/v1/session", cookie=f"marketbot={chosen}")).status == 401


async def test_the_first_of_two_cookies_counts_alone(siege: Siege) -> None:
    """A cookie that a neighbour adds cannot be the one whose token the page's form carries."""
    ana, rui = siege.sessions["ana"].login, siege.sessions["rui"].login
    assert ana is not None
    assert rui is not None
    answer = await siege.api.send(
        "POST",
        "/v1/me/pause",
        b"{}",
        content_type="application/json",
        cookie=f"{rui.cookie}; {ana.cookie}",
        x_csrf_token=ana.csrf,
    )
    assert answer.status == 403
    assert (await siege.api.send("GET", "/v1/session", cookie=f"{ana.cookie}; {rui.cookie}")).json["user_id"] == ANA


ENDED_BY = {
    "logging out": ("ana", "POST", "/logout", {}),
    "logging out by the API": ("ana", "DELETE", "/v1/session", None),
    "ending it": ("ana", "DELETE", "/v1/sessions/{session}", None),
    "another role": ("manager", "PATCH", "/v1/operator/people/{person}", {"role": "operator"}),
    "being shut out": ("ana", "PATCH", "/v1/operator/people/{person}", {"disabled": True}),
    "a lost second factor": ("manager", "PATCH", "/v1/operator/people/{person}", {"without_second_factor": True}),
    "the user being disabled": ("ana", "PATCH", "/v1/operator/users/1", {"enabled": False}),
}


@pytest.mark.parametrize("how", ENDED_BY)
async def test_what_ends_a_session_ends_it_at_every_address_at_once(siege: Siege, addresses: list[Address], how: str) -> None:
    name, method, path, document = ENDED_BY[how]
    victim, numbers = siege.sessions[name], await siege.numbers_of(ANA)
    reading = [each for each in addresses if not each.writes and each.guarded and "events" not in each.path]
    may = [each for each in reading if each.standing is not None or each.scope in victim.scopes]
    assert len(may) >= 5
    for address in may:  # Known to the process from here on.
        assert (await siege.ask(address, victim, numbers)).status in (200, 303, 404)
    row = await siege.store.fetchrow(
        "SELECT person_id, max(session_id) AS session_id FROM login_session JOIN person USING (person_id) WHERE email = $1 GROUP BY 1",
        f"{name}@club.example",
    )
    doer = victim if "operator" not in path else siege.sessions["admin"]
    address = Address(method, path.format(person=row["person_id"], session=row["session_id"]), path == "/logout", None, None)
    done = await siege.ask(address, doer, {}, document)
    assert done.status in (200, 303), done.body
    for address in may:
        answer = await siege.ask(address, victim, numbers)
        # A user who is disabled is told so; everybody else is nobody.
        assert answer.status in ((303, 403) if address.page else (401, 403)), (str(address), answer.status)
        if answer.status == 303:
            assert answer.headers["location"].startswith("/login")
        elif answer.status == 403:
            assert "disabled" in how or "shut out" in how, str(address)


async def test_cookies_over_https_are_this_hosts_and_never_sent_in_clear(database: str, tmp_path: Path, patient: None) -> None:
    async with siege_of(database, tmp_path, public_url="https://bot.example") as siege:
        sent = urlencode({"email": "ana@club.example", "password": PASSWORD}).encode()
        # The answer sets several; the raw bytes are looked at, for a dict keeps one.
        cookies = await raw_cookies(siege, "/login", sent)
        own = [each for each in cookies if each.startswith("__Host-marketbot=")]
        assert len(own) == 1
        for each in cookies:
            flags = {part.strip().lower() for part in each.split(";")[1:]}
            assert {"secure", "samesite=lax", "path=/"} <= flags, each
            assert not [flag for flag in flags if flag.startswith("domain")], each
        assert "httponly" in {part.strip().lower() for part in own[0].split(";")[1:]}
        for fields in ({"language": "pt", "next": "/login"}, {"theme": "dark", "next": "/login"}):
            for each in await raw_cookies(siege, "/preferences", urlencode(fields).encode()):
                assert "secure" in each.lower()
        page = await siege.api.send("GET", "/login", accept=HTML)
        assert page.headers["strict-transport-security"].startswith("max-age=31536000")


async def raw_cookies(siege: Siege, path: str, body: bytes) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", siege.api.port)
    try:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\naccept: {HTML}\r\ncontent-type: {FORM}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    return [line.partition(":")[2].strip() for line in lines if line.lower().startswith("set-cookie:")]


LINKS = re.compile(r'(?:href|action|name="next" value|hx-get)="((?!data:|#|otpauth:)[^"]+)"')


def leads_home(location: str) -> bool:
    return location.startswith("/") and not location.startswith("//") and "\\" not in location and location.isprintable()


async def test_no_parameter_sends_anybody_elsewhere(siege: Siege, addresses: list[Address]) -> None:
    numbers = await siege.numbers_of(RUI)
    sent_on = 0
    for address in (each for each in addresses if each.page and each.path not in ("/logout", "/static/{path:path}")):
        who = siege.sessions["admin"] if address.of_staff else siege.sessions["rui"] if address.guarded else NOBODY
        for elsewhere in ELSEWHERE:
            named = dict.fromkeys(TO, elsewhere)
            body = {**(FORMS.get(str(address)) or {}), **named} if address.writes else None
            if address.path == "/login" and body is not None:
                body |= {"email": "rui@club.example", "password": PASSWORD}
            elif address.path in ("/profile/password", "/profile/sessions", "/second-factor/end", "/second-factor/confirm"):
                continue  # They end the session; what they answer names no place that was sent.
            answer = await siege.ask(
                address, who, numbers, body, query="?" + urlencode(named), referer="https://evil.example/", host="evil.example"
            )
            for header in ("location", "hx-redirect", "hx-location", "refresh", "content-location"):
                where = answer.headers.get(header)
                if where is not None:
                    sent_on += 1
                    assert leads_home(where), (str(address), elsewhere, where)
            for link in LINKS.findall(answer.body.decode()):
                assert leads_home(unescape(link)), (str(address), elsewhere, link)
    assert sent_on > 50


async def test_every_answer_is_guarded_by_its_headers(siege: Siege, addresses: list[Address]) -> None:
    """Pages and their refusals: nobody frames them, nothing keeps them. Answers of the API: nothing keeps or guesses at them."""
    numbers = await siege.numbers_of(ANA)
    for address in addresses:
        if "events" in address.path or address.path.startswith(("/static", "/health", "/metrics", "/v1/openapi.json")):
            continue
        for who in (
            callers(siege, address),
            siege.sessions["auditor"] if not address.of_staff else siege.sessions["rui"],
            NOBODY,
        ):
            if address.path in OWN_SESSION_OVER and address.writes and who is not NOBODY:
                continue
            answer = await siege.ask(address, who, numbers, b"{" if address.writes and not address.page else None)
            told = (str(address), who.name, answer.status)
            assert answer.headers.get("cache-control") == (
                "public, max-age=300" if address.path == DOCUMENT_PATH else "no-store"
            ), told
            assert answer.headers.get("x-content-type-options") == "nosniff", told
            if address.page:
                assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY, told
                assert answer.headers["x-frame-options"] == "DENY", told
                assert answer.headers["referrer-policy"] == "no-referrer", told
            assert "access-control-allow-origin" not in answer.headers, told
            assert "x-powered-by" not in answer.headers


async def test_no_other_verb_and_no_header_changes_what_a_request_is(siege: Siege, addresses: list[Address]) -> None:
    numbers = await siege.numbers_of(ANA)
    known = {(each.method, each.path) for each in addresses}
    before = await siege.digest()
    for path in sorted({each.path for each in addresses if "events" not in each.path and "webhook" not in each.path}):
        page = next(each.page for each in addresses if each.path == path)
        staff = any(each.of_staff for each in addresses if each.path == path)
        who = siege.sessions["admin" if staff else "ana"]
        for verb in VERBS:
            if (verb, path) in known:
                continue
            address = Address(verb, path, page, None, None)
            answer = await siege.ask(address, who, numbers, b"")
            assert answer.status in ((204, 303, 403, 405) if verb == "OPTIONS" else (400, 403, 404, 405, 501)), (
                str(address),
                answer.status,
            )
            assert "access-control-allow-origin" not in answer.headers
        if ("GET", path) in known:
            for header in OVERRIDES:
                for verb in ("DELETE", "POST", "PATCH", "PUT"):
                    address = Address("GET", path, page, None, None)
                    query = f"?_method={verb}&x-http-method-override={verb}"
                    await siege.ask(address, who, numbers, None, query=query, **{header: verb})
    assert await siege.digest() == before


async def test_a_read_changes_nothing(siege: Siege, addresses: list[Address]) -> None:
    """So that no picture on another site's page, which the browser loads with the cookie, does anything."""
    numbers = await siege.numbers_of(ANA)
    before = await siege.digest()
    for address in addresses:
        if not address.writes and "events" not in address.path:
            for who in (siege.sessions["ana"], siege.sessions["admin"]):
                answer = await siege.ask(address, who, numbers, sec_fetch_site="cross-site")
                assert answer.status < 500
    assert await siege.digest() == before


def test_every_role_is_tried() -> None:
    assert set(ROLE_SCOPES) == {Role.USER, *(Role(name) for name in ("admin", "manager", "operator", "auditor"))}
