"""A user's own settings: every range, all or nothing, and the engines that are told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbot.accounts.settings import SettingFault, read_settings
from marketbot.domain.policy import Policy, Wishes, settle
from marketbot.store.accounts import ACCOUNT_CHANNEL

from .faces import Faces

PATH = "/v1/accounts/1/settings"


async def test_settings_are_changed_and_shown(faces: Faces) -> None:
    wanted: dict[str, Any] = {
        "paused": True,
        "reduce_only": True,
        "leverage": 7,
        "stop_multiplier": "2.5",
        "target_multiplier": 4.25,
        "position_size_pct": "12.5",
        "max_positions": 3,
        "cooldown_min": 0,
        "daily_loss_limit": "150.75",
        "allowed_symbols": ["ethusdt", "BTCUSDT", "BTCUSDT"],
        "denied_symbols": ["DOGEUSDT"],
    }
    before = await faces.store.fetchval("SELECT changed_at FROM account WHERE account_id = 1")
    answer = await faces.ask("PATCH", PATH, faces.ana, wanted)
    assert (answer.status, answer.json["changed"]) == (200, True)
    account = answer.json["account"]
    assert {name: account[name] for name in wanted} == {
        **wanted,
        "leverage": "7",
        "target_multiplier": "4.25",
        "allowed_symbols": ["BTCUSDT", "ETHUSDT"],
    }
    assert account == (await faces.get("/v1/accounts/1", faces.ana)).json["account"]
    after = await faces.store.fetchval("SELECT changed_at FROM account WHERE account_id = 1")
    assert after > before
    # Saying what is so already connects nothing anew.
    assert (await faces.ask("PATCH", PATH, faces.ana, {"leverage": "7.0", "paused": True})).json["changed"] is False
    assert await faces.store.fetchval("SELECT changed_at FROM account WHERE account_id = 1") == after
    back = await faces.ask(
        "PATCH", PATH, faces.ana, dict.fromkeys(("leverage", "cooldown_min", "daily_loss_limit", "allowed_symbols"))
    )
    assert [back.json["account"][name] for name in ("leverage", "cooldown_min", "daily_loss_limit", "allowed_symbols")] == [
        None
    ] * 4
    assert back.json["account"]["stop_multiplier"] == "2.5"
    assert (await faces.ask("PATCH", PATH, faces.ana, {"denied_symbols": None})).json["account"]["denied_symbols"] == []


async def test_engines_are_told(faces: Faces) -> None:
    told: asyncio.Queue[tuple[object, ...]] = asyncio.Queue()
    await faces.store.add_listener(ACCOUNT_CHANNEL, lambda *arguments: told.put_nowait(arguments[2:]))
    await faces.ask("PATCH", PATH, faces.ana, {"paused": True})
    async with asyncio.timeout(10):
        assert await told.get() == (ACCOUNT_CHANNEL, "1")
    await faces.ask("PATCH", PATH, faces.ana, {"paused": True})
    await faces.ask("PATCH", "/v1/accounts/1/settings", faces.rui, {"paused": False})
    await faces.store.fetchval("SELECT 1")
    assert told.empty()


@pytest.mark.parametrize(
    ("change", "reason", "allowed"),
    [
        ({"leverage": 11}, "SETTING_OUT_OF_RANGE", "1 .. 10"),
        ({"leverage": "2.5"}, "SETTING_NOT_WHOLE", None),
        ({"leverage": "NaN"}, "SETTING_NOT_A_NUMBER", None),
        ({"leverage": True}, "SETTING_NOT_A_NUMBER", None),
        ({"leverage": [1]}, "SETTING_NOT_A_NUMBER", None),
        ({"leverage": "1e99"}, "SETTING_NOT_A_NUMBER", None),
        ({"stop_multiplier": "0.49"}, "SETTING_OUT_OF_RANGE", "0.5 .. 4"),
        ({"target_multiplier": "5.01"}, "SETTING_OUT_OF_RANGE", "0.5 .. 5"),
        ({"target_multiplier": "2.0000000000001"}, "SETTING_NOT_A_NUMBER", None),
        ({"position_size_pct": 51}, "SETTING_OUT_OF_RANGE", "10 .. 50"),
        ({"max_positions": 0}, "SETTING_OUT_OF_RANGE", "1 .. 5"),
        ({"cooldown_min": 1441}, "SETTING_OUT_OF_RANGE", "0 .. 1440"),
        ({"daily_loss_limit": 0}, "SETTING_OUT_OF_RANGE", "> 0"),
        ({"paused": "yes"}, "SETTING_NOT_A_FLAG", None),
        ({"paused": None}, "SETTING_NOT_A_FLAG", None),
        ({"allowed_symbols": "BTCUSDT"}, "SETTING_NOT_SYMBOLS", None),
        ({"allowed_symbols": ["BTC-USDT"]}, "SETTING_NOT_SYMBOLS", None),
        ({"denied_symbols": [7]}, "SETTING_NOT_SYMBOLS", None),
        ({"denied_symbols": ["A" * 9] * 501}, "SETTING_NOT_SYMBOLS", None),
        ({"status": "ready"}, "SETTING_UNKNOWN", None),
        ({"user_id": 2}, "SETTING_UNKNOWN", None),
    ],
)
async def test_what_is_not_acceptable_changes_nothing(
    faces: Faces, change: dict[str, Any], reason: str, allowed: str | None
) -> None:
    before = await faces.store.fetchrow("SELECT * FROM account WHERE account_id = 1")
    answer = await faces.ask("PATCH", PATH, faces.ana, {"reduce_only": True, **change})
    (field,) = change
    told = {"field": field, "reason": reason} | ({} if allowed is None else {"range": allowed})
    assert (answer.status, answer.json["reason"], answer.json["errors"]) == (422, "SETTING_INVALID", [told])
    assert await faces.store.fetchrow("SELECT * FROM account WHERE account_id = 1") == before


async def test_the_operators_own_bounds_count(faces: Faces) -> None:
    await faces.store.execute(
        """INSERT INTO policy (document) VALUES ('{"leverage": {"default": "2", "low": "1", "high": "3"}}')"""
    )
    answer = await faces.ask("PATCH", PATH, faces.ana, {"leverage": 4})
    assert answer.json["errors"] == [{"field": "leverage", "reason": "SETTING_OUT_OF_RANGE", "range": "1 .. 3"}]


@pytest.mark.parametrize(
    ("body", "media_type", "reason"),
    [
        (b"", "application/json", "JSON_MALFORMED"),
        (b"[]", "application/json", "JSON_MALFORMED"),
        (b"{", "application/json", "JSON_MALFORMED"),
        (b'{"leverage": NaN}', "application/json", "JSON_MALFORMED"),
        (b'{"leverage": 1, "leverage": 2}', "application/json", "JSON_MALFORMED"),
        (b"\xff", "application/json", "JSON_MALFORMED"),
        (b"[" * 15_000, "application/json", "JSON_MALFORMED"),
        (b'{"leverage": 1' + b"0" * 5_000 + b"}", "application/json", "JSON_MALFORMED"),
        (b'{"paused": true}', "text/plain", "JSON_EXPECTED"),
        (b" " * 20_000, "application/json", "BODY_TOO_LARGE"),
    ],
)
async def test_a_body_that_cannot_be_read(faces: Faces, body: bytes, media_type: str, reason: str) -> None:
    answer = await faces.api.send("PATCH", PATH, body, authorization=f"Bearer {faces.ana}", content_type=media_type)
    assert answer.json["reason"] == reason
    assert answer.json["status"] == answer.status


VALUES = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.decimals() | st.lists(st.text(max_size=6), max_size=3)
)
NAMES = st.sampled_from(
    ["leverage", "stop_multiplier", "max_positions", "cooldown_min", "daily_loss_limit", "denied_symbols", "paused", "x"]
)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_accepted_is_what_trades(document: dict[str, Any]) -> None:
    """A setting that got through is used as it was set: clamping moves none of them."""
    policy = Policy()
    changes = read_settings(document, policy)
    if isinstance(changes, list):
        assert {problem.fault for problem in changes} <= set(SettingFault)
        return
    names = {"leverage", "stop_multiplier", "max_positions", "cooldown_min"}
    wished = {name: value for name, value in changes.items() if name in names and value is not None}
    if "leverage" in wished:
        wished["leverage"] = Decimal(wished["leverage"])
    settled = settle(policy, Wishes(**wished))
    found = {
        "leverage": settled.leverage,
        "stop_multiplier": settled.stop_distance_pct,
        "max_positions": settled.max_positions,
        "cooldown_min": settled.cooldown_min,
    }
    assert all(found[name] == value for name, value in wished.items())
