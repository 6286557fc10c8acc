"""The policy as a page: what each number means, what a change does before it is made, and who made the last ones."""

from __future__ import annotations

import html
import re
from decimal import Decimal

import pytest

from marketbot.domain.policy import Policy
from marketbot.domain.reasons import Language
from marketbot.domain.role import Role
from marketbot.store.policy import LIMITS, PolicyFault, encode_policy, policy_faults, read_policy
from marketbot.store.policy_reach import BOUNDED, clamped_accounts
from marketbot.web.pages.policy import FAULTS, PACE, SIZE, SYMBOLS
from marketbot.web.texts import catalog

from .conftest import Console
from .scene import Login
from .staff import give_staff

FIELD = re.compile(r'<input[^>]* name="([a-z_.]+)" value="([^"]*)"')
AREA = re.compile(r'<textarea[^>]* name="([a-z_]+)"[^>]*>([^<]*)</textarea>')


@pytest.fixture
def more_accounts() -> int:
    return 0


async def form_of(console: Console, who: Login, **headers: str) -> dict[str, str]:
    """Return the form's fields as the page fills them in."""
    text = (await console.get("/operator/policy", who, **headers)).body.decode()
    found = {name: html.unescape(value) for pattern in (FIELD, AREA) for name, value in pattern.findall(text)}
    found.pop("csrf")
    return found


async def test_every_number_stands_on_the_page_with_its_meaning(console: Console) -> None:
    assert {*BOUNDED, *PACE, *SIZE, SYMBOLS} == set(encode_policy(Policy())), "a new setting belongs onto the page"
    assert {*BOUNDED, *PACE, *SIZE} == set(LIMITS)
    for texts in (catalog(Language.EN), catalog(Language.PT)):
        assert {f"policy_means.{name}" for name in LIMITS} - texts.keys() == set()
        assert set(FAULTS.values()) - texts.keys() == set()
    manager = (await give_staff(console.store))[Role.MANAGER]
    fields = await form_of(console, manager)
    assert (fields["leverage.low"], fields["leverage.default"], fields["leverage.high"]) == ("1", "5", "10")
    assert (fields["max_order_notional"], fields["stop_multiplier.low"]) == ("100000", "0.5")
    spoken = await form_of(console, manager, cookie="marketbot_language=pt")
    assert spoken["stop_multiplier.low"] == "0,5"


async def test_a_change_is_looked_at_before_it_is_made(console: Console) -> None:
    manager = (await give_staff(console.store))[Role.MANAGER]
    await console.store.execute("UPDATE account SET leverage = 9 WHERE account_id IN (1, 4)")
    fields = {
        **await form_of(console, manager),
        "leverage.high": "8",
        "max_order_notional": "50,000",
        SYMBOLS: "lunausdt, XRPUSDT",
    }
    review = await console.post("/operator/policy", manager, **fields)
    text = review.body.decode()
    assert review.status == 200
    assert "2 accounts wish otherwise" in text
    assert "100,000" in text
    assert "LUNAUSDT, XRPUSDT" in text
    assert await console.store.fetchval("SELECT count(*) FROM policy") == 0
    confirmed = {name: html.unescape(value) for name, value in FIELD.findall(text) if name != "csrf"}
    done = await console.post("/operator/policy", manager, **confirmed)
    assert (done.status, done.headers["location"]) == (303, "/operator/policy")
    policy = await read_policy(console.store)  # type: ignore[arg-type]
    assert (policy.leverage.high, policy.max_order_notional) == (8, 50_000)
    assert policy.restricted_symbols == {"LUNAUSDT", "XRPUSDT"}
    assert policy.stop_multiplier == Policy().stop_multiplier
    page = (await console.get("/operator/policy", manager)).body.decode()
    assert "Staff manager" in page
    assert "2 accounts wish otherwise" in page
    facts = await console.store.fetchval("SELECT facts FROM audit_entry WHERE action = 'policy_changed'")
    assert set(facts) == {"leverage", "max_order_notional", SYMBOLS}


async def test_a_change_of_somebody_else_is_not_undone(console: Console) -> None:
    staff = await give_staff(console.store)
    mine = {**await form_of(console, staff[Role.MANAGER]), "leverage.high": "7", "confirmed": "true"}
    theirs = {**await form_of(console, staff[Role.ADMIN]), "cooldown_min.default": "60", "confirmed": "true"}
    assert (await console.post("/operator/policy", staff[Role.ADMIN], **theirs)).status == 303
    late = await console.post("/operator/policy", staff[Role.MANAGER], **mine)
    assert (late.status, b"Somebody else changed the policy" in late.body) == (422, True)
    policy = await read_policy(console.store)  # type: ignore[arg-type]
    assert (policy.leverage.high, policy.cooldown_min.default) == (10, 60)
    again = {**await form_of(console, staff[Role.MANAGER]), "leverage.high": "7", "confirmed": "true"}
    assert (await console.post("/operator/policy", staff[Role.MANAGER], **again)).status == 303
    unchanged = await console.post("/operator/policy", staff[Role.MANAGER], **await form_of(console, staff[Role.MANAGER]))
    assert (unchanged.status, "marketbot_said=unchanged" in unchanged.headers["set-cookie"]) == (303, True)


async def test_a_long_list_of_instruments_is_left_as_it_is(console: Console) -> None:
    manager = (await give_staff(console.store))[Role.MANAGER]
    many = [f"N{number}USDT" for number in range(1_500)]
    await console.store.execute("INSERT INTO policy (document) VALUES ($1)", {SYMBOLS: many})
    fields = await form_of(console, manager)
    assert SYMBOLS not in fields
    done = await console.post("/operator/policy", manager, **{**fields, "leverage.high": "9", "confirmed": "true"})
    assert done.status == 303
    policy = await read_policy(console.store)  # type: ignore[arg-type]
    assert (policy.leverage.high, len(policy.restricted_symbols)) == (9, 1_500)


async def test_what_cannot_rule_is_told_beside_its_field(console: Console) -> None:
    manager = (await give_staff(console.store))[Role.MANAGER]
    fields = await form_of(console, manager)
    for change, wrong in (
        ({"leverage.high": "500", "cooldown_min.low": "x", "price_collar_pct": ""}, ("leverage.high", "cooldown_min.low")),
        ({"price_collar_pct": ""}, ("price_collar_pct",)),
        ({"max_positions.default": "2.5"}, ("max_positions.default",)),
        ({"leverage.default": "11"}, ("leverage",)),
        ({"stop_multiplier.high": "20"}, ("stop_multiplier",)),
        ({"max_order_notional": "900000"}, ("max_order_notional",)),
        ({"execution_window_s": "20"}, ("execution_window_s",)),
    ):  # fmt: skip
        answer = await console.post("/operator/policy", manager, **{**fields, **change, "confirmed": "true"})
        text = answer.body.decode()
        assert answer.status == 422, change
        for name in wrong:
            assert f'id="{name}-error"' in text, (name, change)
        for name, value in change.items():
            assert f'name="{name}" value="{value}"' in text
    assert await console.store.fetchval("SELECT count(*) FROM policy") == 0


async def test_roles_see_all_and_managers_change(console: Console) -> None:
    for role, who in (await give_staff(console.store)).items():
        page = await console.get("/operator/policy", who)
        assert page.status == 200
        may = role in (Role.ADMIN, Role.MANAGER)
        assert (b'name="leverage.high"' in page.body) is may, role
        assert (b'id="trail-title"' in page.body) is (role is not Role.OPERATOR), role
        if not may:
            assert (await console.post("/operator/policy", who, confirmed="true")).status == 403
    assert await console.store.fetchval("SELECT count(*) FROM audit_entry") == 0


async def test_wishes_outside_are_counted_and_no_wish_is_none(console: Console) -> None:
    await console.store.execute("UPDATE account SET leverage = NULL, stop_multiplier = NULL")
    await console.store.execute("UPDATE account SET leverage = 20, cooldown_min = 3 WHERE account_id = 1")
    await console.store.execute("UPDATE account SET leverage = 0.5 WHERE account_id = 2")
    await console.store.execute("UPDATE account SET leverage = 20, disconnected_at = now() WHERE account_id = 3")
    counted = await clamped_accounts(console.store, Policy())  # type: ignore[arg-type]
    assert counted == {**dict.fromkeys(BOUNDED, 0), "leverage": 2}


def test_faults_are_found_together() -> None:
    found = policy_faults({**encode_policy(Policy()), "leverage": {"high": "x"}, "max_order_notional": Decimal(0), "nonsense": 1})
    assert [(each.field, each.fault) for each in found] == [
        ("leverage.high", PolicyFault.NOT_A_NUMBER),
        ("max_order_notional", PolicyFault.OUT_OF_RANGE),
    ]
    assert [each.fault for each in policy_faults({"nonsense": 1})] == [PolicyFault.UNKNOWN]
    assert policy_faults(encode_policy(Policy())) == []
