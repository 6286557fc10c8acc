"""A second factor: set up, shown, never twice, replaced by recovery codes, turned off by users alone."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from marketbot.domain.person import SecondFactor, second_factor, session_scopes
from marketbot.domain.role import ROLE_SCOPES, STAFF, Role
from marketbot.people.totp import (
    RECOVERY_CODES,
    Enrolment,
    enrol,
    is_totp,
    make_recovery_codes,
    read_code,
    recovery_digest,
    step_of,
)
from marketbot.vault.vault import VaultError

from .conftest import PASSWORD, SECRET, Town, code_now


@pytest.mark.parametrize("role", list(Role))
def test_what_a_session_opens(role: Role) -> None:
    without = SecondFactor.UNENROLLED if role in STAFF else SecondFactor.NONE
    for enrolled, shown, factor in (
        (False, False, without),
        (False, True, without),
        (True, False, SecondFactor.OWED),
        (True, True, SecondFactor.SHOWN),
    ):
        assert second_factor(role, enrolled=enrolled, shown=shown) is factor
        assert session_scopes(role, factor) == (ROLE_SCOPES[role] if factor.opens else frozenset())


def test_codes_are_those_of_rfc_6238() -> None:
    """The RFC's secret and times (appendix B, SHA-1), of its eight digits the last six."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for at, code in ((59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")):
        now = datetime.fromtimestamp(at, UTC)
        assert step_of(secret, code, now) == at // 30
        assert step_of(secret, code, datetime.fromtimestamp(at + 30, UTC)) == at // 30
        assert step_of(secret, code, datetime.fromtimestamp(at + 90, UTC)) is None


def test_an_enrolment_says_the_same_in_three_ways() -> None:
    made = enrol("maria.silva@example.org")
    parts = urlsplit(made.otpauth_url)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/MarketBot:maria.silva@example.org"
    assert parse_qs(parts.query) == {"secret": [made.secret], "issuer": ["MarketBot"]}
    assert len(made.secret) == 32
    picture = ET.fromstring(made.qr_svg)
    assert picture.tag.endswith("svg")
    assert "<script" not in made.qr_svg
    assert repr(made) == "Enrolment()"
    assert isinstance(made, Enrolment)


def test_recovery_codes_are_read_as_people_type_them() -> None:
    codes = make_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    for code in codes:
        assert recovery_digest(code) == recovery_digest(code.upper().replace("-", " "))
        assert not is_totp(read_code(code))
    assert is_totp(read_code("123 456"))


async def test_a_user_sets_one_up_and_turns_it_off(town: Town) -> None:
    browser, other = await town.inside("user"), await town.inside("user")
    assert (await other.ask("GET", "/v1/session")).status == 200
    made = (await browser.ask("POST", "/v1/session/totp")).json
    # Not in force yet: who loses the picture is not locked out.
    assert (await browser.ask("GET", "/v1/session")).json["second_factor"] == "none"
    wrong = "000000" if code_now(0, made["secret"]) != "000000" else "000001"
    assert (await browser.ask("POST", "/v1/session/totp/confirm", {"code": wrong})).json["reason"] == "CODE_INVALID"
    before = browser.cookie
    confirmed = await browser.ask("POST", "/v1/session/totp/confirm", {"code": code_now(0, made["secret"])})
    assert confirmed.status == 201, confirmed.json
    assert len(confirmed.json["recovery_codes"]) == RECOVERY_CODES
    assert browser.cookie != before
    assert (await other.ask("GET", "/v1/session")).status == 401
    assert (await browser.ask("GET", "/v1/session")).json["second_factor"] == "shown"
    assert (await browser.ask("POST", "/v1/session/totp")).json["reason"] == "SECOND_FACTOR_ENROLLED"
    fresh = town.browser()
    assert (await fresh.log_in("user@example.org")).json["scopes"] == []
    assert (await fresh.ask("GET", "/v1/me")).json["reason"] == "SECOND_FACTOR_OWED"
    code, *codes = confirmed.json["recovery_codes"]
    shown = await fresh.ask("POST", "/v1/session/second-factor", {"code": code.upper()})
    assert set(shown.json["scopes"]) == ROLE_SCOPES[Role.USER]
    again = town.browser()
    await again.log_in("user@example.org")
    assert (await again.ask("POST", "/v1/session/second-factor", {"code": code})).json["reason"] == "CODE_INVALID"
    renewed = await fresh.ask("POST", "/v1/session/recovery-codes", {"password": PASSWORD, "code": codes[0]})
    assert renewed.status == 201
    stale = await fresh.ask("POST", "/v1/session/recovery-codes", {"password": PASSWORD, "code": codes[1]})
    assert stale.json["reason"] == "CODE_INVALID"
    code = renewed.json["recovery_codes"][0]
    for document, reason in (
        ({"password": "not the password", "code": code}, "PASSWORD_WRONG"),
        ({"password": PASSWORD, "code": codes[2]}, "CODE_INVALID"),
    ):
        assert (await fresh.ask("DELETE", "/v1/session/totp", document)).json["reason"] == reason
    off = await fresh.ask("DELETE", "/v1/session/totp", {"password": PASSWORD, "code": code})
    assert (off.status, off.json["second_factor"]) == (201, "none")
    assert await town.store.fetchval("SELECT count(*) FROM recovery_code") == 0


async def test_staff_keep_theirs(town: Town) -> None:
    browser = await town.inside("operator")
    answer = await browser.ask("DELETE", "/v1/session/totp", {"password": PASSWORD, "code": code_now()})
    assert answer.json["reason"] == "SECOND_FACTOR_REQUIRED"


async def test_staff_without_one_can_do_nothing_but_set_one_up(town: Town) -> None:
    await town.store.execute("UPDATE person SET totp_confirmed_at = NULL, totp_sealed = NULL")
    browser = town.browser()
    answer = await browser.log_in("manager@example.org")
    assert (answer.json["second_factor"], answer.json["scopes"]) == ("unenrolled", [])
    assert (await browser.ask("GET", "/v1/operator/users")).json["reason"] == "SECOND_FACTOR_OWED"
    assert (await browser.ask("PATCH", "/v1/session/profile", {"name": "x"})).json["reason"] == "SECOND_FACTOR_OWED"
    assert (await browser.ask("POST", "/v1/session/second-factor", {"code": "123456"})).json["reason"] == "CODE_INVALID"
    secret = (await browser.ask("POST", "/v1/session/totp")).json["secret"]
    confirmed = await browser.ask("POST", "/v1/session/totp/confirm", {"code": code_now(0, secret)})
    assert set(confirmed.json["scopes"]) == ROLE_SCOPES[Role.MANAGER]
    assert (await browser.ask("GET", "/v1/operator/users")).status == 200


async def test_the_code_that_set_it_up_is_taken_no_second_time(town: Town) -> None:
    browser = await town.inside("user")
    secret = (await browser.ask("POST", "/v1/session/totp")).json["secret"]
    code = code_now(0, secret)
    assert (await browser.ask("POST", "/v1/session/totp/confirm", {"code": code})).status == 201
    fresh = town.browser()
    await fresh.log_in("user@example.org")
    assert (await fresh.ask("POST", "/v1/session/second-factor", {"code": code})).json["reason"] == "CODE_INVALID"


async def test_wrong_codes_lock_like_wrong_passwords(town: Town) -> None:
    browser = town.browser()
    await browser.log_in("admin@example.org")
    for _ in range(5):
        await browser.ask("POST", "/v1/session/second-factor", {"code": "xxxx-xxxx-xxxx-xxxx"})
    assert await town.store.fetchval("SELECT locked_until > now() FROM person WHERE role = 'admin'")
    # Whoever has the password is asked for it in vain, and the right code is none now.
    assert (await browser.ask("POST", "/v1/session/second-factor", {"code": code_now()})).json["reason"] == "CODE_INVALID"
    assert (await town.browser().log_in("admin@example.org")).status == 401


async def test_a_secret_is_sealed_for_its_person(town: Town) -> None:
    row = await town.store.fetchrow("SELECT person_id, totp_sealed FROM person WHERE role = 'admin'")
    assert row is not None
    assert SECRET.encode() not in row["totp_sealed"]
    with pytest.raises(VaultError):
        town.vault.open(row["totp_sealed"], aad=b"person:999:totp")
