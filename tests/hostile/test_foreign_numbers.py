"""Another user's number at every address of the route table: answered like one that is not there, and nothing is changed.

What is new is covered by being in the table; where it takes a number of a new kind, or a body, the test names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.conftest import Answer

from marketbot.api.admission import Standing
from marketbot.domain.scope import Scope

from .addresses import Address
from .siege import ABSENT, ANA, FORM, MARK, NOBODY, RUI, Caller, Siege, body_of

ODD_NUMBERS = (
    "0", "-1", "-0", str(2**31), str(2**63 - 1), str(2**63), str(2**64), "9" * 400, "%2B999999", "0999999", "1.0", "1e3",
    "0x7f", "%D9%A9" * 6, "%00", "1%00", "1%3B--", "1%27", "null", "NaN", "true", "..", "%2e%2e", "1%2F2", "*", "1,2",
    "%F0%9F%92%A9", "%FF%FE",
)  # fmt: skip
"""None of them is anybody's, whatever a path's parser makes of it."""
DOTS = ("..", "%2e%2e", "1%2F2")
IDS = (
    "user_id",
    "person_id",
    "account_id",
    "account",
    "session_id",
    "session",
    "token_id",
    "channel_id",
    "command_id",
    "passkey",
    "token",
    "channel",
    "erasure",
    "key",
    "owner",
    "user",
)
"""Names under which a body or a query could say whose row is meant."""
MALFORMED = frozenset({400, 404, 405, 413, 415, 422})
REFUSED_AS_SENT = frozenset(
    {"FIELD_INVALID", "JSON_MALFORMED", "JSON_EXPECTED", "SETTING_INVALID", "PARAMETER_INVALID", "BODY_TOO_LARGE"}
)


def told(answer: Answer, path: str) -> tuple[int, bytes]:
    """Return what was answered; a page names its own address, for choosing another language there."""
    return answer.status, answer.body.replace(path.encode(), b"HERE")


def of_users(addresses: list[Address]) -> list[Address]:
    return [each for each in addresses if each.of_users or each.standing is not None]


def callers(siege: Siege, name: str, address: Address) -> Iterator[Caller]:
    if not address.page and address.standing is None:
        yield siege.tokens[name]
    yield siege.sessions[name]


async def test_every_kind_of_number_is_known(siege: Siege, addresses: list[Address]) -> None:
    known = await siege.numbers_of(ANA)
    assert None not in known.values(), known
    for address in addresses:
        assert set(address.parameters) <= set(known), f"say in siege.py where a number for {address} comes from"


async def test_a_foreign_number_is_none(siege: Siege, addresses: list[Address]) -> None:
    hers = await siege.numbers_of(ANA)
    theirs = [each for each in of_users(addresses) if each.parameters]
    assert len(theirs) > 10
    before = await siege.digest()
    for address in theirs:
        for rui in callers(siege, "rui", address):
            nothing = dict.fromkeys(address.parameters, ABSENT)
            absent = told(await siege.ask(address, rui, nothing), address.at(nothing))
            assert absent[0] == 404, f"{address}: {absent}; say in bodies.py what it takes"
            # Her number of this kind, and her numbers of every other kind.
            own = await siege.numbers_of(RUI)
            for name, number in hers.items():
                if number in [own[each] for each in address.parameters]:
                    continue
                numbers = dict.fromkeys(address.parameters, number)
                stolen = told(await siege.ask(address, rui, numbers), address.at(numbers))
                assert stolen == absent, f"{address} with ana's {name}"
    assert await siege.digest() == before


async def test_an_odd_number_is_none(siege: Siege, addresses: list[Address]) -> None:
    before = await siege.digest()
    for address in (each for each in addresses if each.parameters):
        who = siege.sessions["admin"] if address.of_staff else siege.sessions["rui"]
        nothing = dict.fromkeys(address.parameters, ABSENT)
        absent = await siege.ask(address, who, nothing)
        assert absent.status == 404 or (not address.page and absent.json.get("accounts") == []), (
            f"{address}: {absent.status} {absent.body[:300]!r}"
        )
        for odd in ODD_NUMBERS:
            answer = await siege.ask(address, who, dict.fromkeys(address.parameters, odd))
            # What is no number, or has a slash in it, is an address that is not there, and dots lead to another one.
            assert answer.status in (absent.status, 404) or (odd in DOTS and answer.status in (403, 405, 303)), (address, odd)
            if answer.status == 200:
                assert answer.body == absent.body
            assert MARK.encode() not in answer.body
    assert await siege.digest() == before


async def test_whose_number_it_is_gets_what_they_asked_for(siege: Siege, addresses: list[Address]) -> None:
    """Without this the refusals above could all be for some other reason."""
    hers = await siege.numbers_of(ANA)
    for address in sorted((each for each in of_users(addresses) if each.parameters), key=lambda each: each.method == "DELETE"):
        ana = next(callers(siege, "ana", address))
        answer = await siege.ask(address, ana, hers)
        reason = answer.json.get("reason") if answer.headers.get("content-type") == "application/problem+json" else None
        assert answer.status not in (401, 403, 404, 405, 413, 415), f"{address}: {answer.status} {answer.body[:200]!r}"
        assert answer.status < 500
        assert reason not in REFUSED_AS_SENT, f"{address}: say in bodies.py what it takes; {answer.body[:300]!r}"


def naming(address: Address, numbers: dict[str, int]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield queries and bodies that name somebody's rows under every likely name, one at a time."""
    body = body_of(address) or {}
    for name in IDS:
        number = numbers.get(name) or numbers.get(f"{name}_id") or numbers["user_id"]
        yield f"?{name}={number}", None
        if address.writes:
            for value in (str(number),) if address.page else (number, str(number)):
                yield "", {**body, name: value}
        for scope in ("user", "account"):
            yield f"?scope={scope}&key={numbers[f'{scope}_id']}", None


async def test_no_field_names_somebody_elses_rows(siege: Siege, addresses: list[Address]) -> None:
    """Each user's address, asked by the second with the first one's numbers in query and body under every name there could be."""
    hers, his = await siege.numbers_of(ANA), await siege.numbers_of(RUI)
    before = await siege.digest(but_of=RUI)
    skipped = {"/logout", "/v1/session", "/v1/sessions", "/v1/sessions/{session_id:int}", "/v1/events", "/profile/password",
               "/v1/session/password"}  # fmt: skip
    for address in of_users(addresses):
        if (address.path in skipped and address.method != "GET") or address.path == "/v1/events":
            continue  # they end the session that asks, or have no end; test_sessions.py has them
        for query, body in naming(address, hers):
            answer = await siege.ask(address, siege.sessions["rui"], his, body, query=query)
            assert answer.status < 500, (str(address), query, body, answer.body[:300])
            assert MARK.encode() not in answer.body, (str(address), query, body)
    assert await siege.digest(but_of=RUI) == before


@pytest.mark.parametrize("odd", [True, 1.0, "1", -1, 0, 2**63, 2**70, [], {}, None, [1], {"id": 1}])
async def test_odd_numbers_in_a_body_are_refused_or_name_nothing(siege: Siege, odd: object) -> None:
    before = await siege.digest(but_of=RUI)
    for path, name in (("/v1/positions/close", "account_id"),):
        address = Address("POST", path, False, Scope.CLOSE_WRITE, None)
        answer = await siege.ask(address, siege.tokens["rui"], {}, {name: odd})
        assert answer.status in ((202,) if odd is None else MALFORMED), answer.body
    assert await siege.digest(but_of=RUI) == before


async def test_a_cursor_of_hers_shows_him_his_rows(siege: Siege, addresses: list[Address]) -> None:
    """A cursor holds a place and no right: what follows it is the asker's own."""
    walked = 0
    for address in of_users(addresses):
        if address.writes or address.page or address.parameters:
            continue
        first = await siege.ask(address, siege.tokens["ana"], {}, query="?limit=1")
        cursor = first.json.get("next") if first.status == 200 and first.body[:1] == b"{" else None
        if cursor is not None:
            walked += 1
            answer = await siege.ask(address, siege.tokens["rui"], {}, query=f"?after={cursor}")
            assert answer.status == 200
            assert MARK.encode() not in answer.body
            for who in (siege.tokens["desk"], NOBODY):
                assert (await siege.ask(address, who, {}, query=f"?after={cursor}")).status in (401, 403)
    assert walked >= 5


def may(who: Caller, address: Address) -> bool:
    if address.standing is not None:
        return who.login is not None
    return address.scope in who.scopes


async def test_whoever_may_not_is_refused_at_every_address(siege: Siege, addresses: list[Address]) -> None:
    """Users' tokens and sessions, each role of staff, the operators' token and nobody, against the whole table."""
    numbers = await siege.numbers_of(ANA)
    everybody = [*siege.tokens.values(), *siege.sessions.values(), NOBODY]
    before = await siege.digest()
    refused = 0
    for address in (each for each in addresses if each.guarded):
        for who in everybody:
            if may(who, address):
                continue
            answer = await siege.ask(address, who, numbers)
            refused += 1
            if who is NOBODY:
                assert answer.status == (303 if address.page else 401), (str(address), answer.status)
                assert not address.page or answer.headers["location"].startswith("/login")
            else:
                assert answer.status == 403, (str(address), who.name, answer.status, answer.body[:200])
            assert MARK.encode() not in answer.body
    assert refused > 300
    assert await siege.digest() == before


async def test_no_address_is_open_by_mistake(addresses: list[Address]) -> None:
    """A route says which scope or session it demands; what says neither is known here, and shows nobody's rows."""
    unguarded = {each.path for each in addresses if not each.guarded}
    assert unguarded == {
        "/developers", "/developers/{name:str}", "/v1/openapi.json",
        "/health/live", "/health/ready", "/static/{path:path}", "/preferences", "/login", "/setup", "/invitation", "/forgot", "/sign-up",
        "/reset", "/v1/session", "/v1/setup", "/v1/invitations/look", "/v1/invitations/accept", "/v1/sign-up", "/v1/password/forgot",
        "/v1/password/reset", "/keep", "/v1/erasure/keep", "/v1/session/passkey/begin", "/v1/session/passkey",
        "/v1/webhook/{source:str}", "/v1/webhook/{source:str}/{secret:str}",
    }  # fmt: skip


async def test_what_owes_a_second_factor_opens_nothing(siege: Siege, addresses: list[Address]) -> None:
    numbers = await siege.numbers_of(ANA)
    await siege.store.execute(
        "UPDATE login_session SET second_factor_at = NULL WHERE person_id IN (SELECT person_id FROM person WHERE role <> 'user')"
    )
    before = await siege.digest()
    for address in (each for each in addresses if each.guarded and each.standing is not Standing.ANY):
        answer = await siege.ask(address, siege.sessions["admin"], numbers)
        assert answer.status == 303 if address.page else answer.json["reason"] == "SECOND_FACTOR_OWED", (
            str(address),
            answer.status,
        )
        assert not address.page or answer.headers["location"] == "/second-factor"
    assert await siege.digest() == before


def test_the_table_is_read_whole(addresses: list[Address]) -> None:
    assert len(addresses) > 100
    assert {each.method for each in addresses} >= {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert re.fullmatch(r"[a-z/-]+", FORM)
