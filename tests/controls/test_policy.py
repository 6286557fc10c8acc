"""The operator's policy: merged over the defaults, checked as a whole, changed without losing a change."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api.conftest import until

from marketbot.controls.errors import ControlRefused
from marketbot.controls.policy import edit_policy
from marketbot.domain.policy import Bound, Policy
from marketbot.store.policy import PolicyInvalid, PostgresPolicyBook, decode_policy, encode_policy, read_policy
from marketbot.store.pool import Connection, open_pool


def test_nothing_written_means_the_defaults_of_the_product() -> None:
    policy = decode_policy({})
    assert policy == Policy()
    assert (policy.leverage.default, policy.leverage.high) == (5, 10)


def test_a_policy_survives_json_and_stays_decimal() -> None:
    policy = replace(
        Policy(), price_collar_pct=Decimal("2.5"), restricted_symbols=frozenset({"BTCUSDT"}), operations_per_minute=3
    )
    again = decode_policy(orjson.loads(orjson.dumps(encode_policy(policy))))
    assert again == policy
    assert isinstance(again.price_collar_pct, Decimal)
    assert isinstance(again.operations_per_minute, int)


def test_parts_of_a_bound_may_be_left_to_the_defaults() -> None:
    assert decode_policy({"leverage": {"default": "3"}}).leverage == Bound(Decimal(3), Decimal(1), Decimal(10))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"levarage": {"default": "3"}}, "levarage"),
    ({"leverage": "3"}, "leverage"),
    ({"leverage": {"max": "3"}}, "leverage.max"),
    ({"leverage": {"default": "11"}}, "leverage"),
    ({"leverage": {"high": "126"}}, "leverage.high"),
    ({"leverage": {"low": "0"}}, "leverage.low"),
    ({"leverage": {"low": "NaN"}}, "leverage.low"),
    ({"leverage": {"low": "two"}}, "leverage.low"),
    ({"leverage": {"low": 1.5}}, "leverage.low"),
    ({"leverage": {"low": True}}, "leverage.low"),
    ({"leverage": {"low": None}}, "leverage.low"),
    ({"max_positions": {"default": "1.5"}}, "max_positions.default"),
    ({"operations_per_minute": "2.5"}, "operations_per_minute"),
    ({"operations_per_minute": 0}, "operations_per_minute"),
    ({"price_collar_pct": "-1"}, "price_collar_pct"),
    ({"price_collar_pct": "Infinity"}, "price_collar_pct"),
    ({"restricted_symbols": "BTCUSDT"}, "restricted_symbols"),
    ({"restricted_symbols": [""]}, "restricted_symbols"),
    ({"restricted_symbols": ["X"] * 2001}, "restricted_symbols"),
    ({"max_order_notional": "250001"}, "max_order_notional"),
    ({"execution_window_s": 20}, "execution_window_s"),
    # 4 % at 25x is the whole margin: the venue would liquidate before the stop.
    ({"leverage": {"high": "25"}}, "stop_multiplier"),
]


@pytest.mark.parametrize(("document", "field"), WRONG)
def test_what_cannot_rule_is_refused_by_the_name_of_its_field(document: dict[str, Any], field: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        decode_policy(document)
    assert refused.value.field == field
    assert str(refused.value).startswith(field)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["default", "low", "high"]), inner),
    max_leaves=5,
)


@given(document=st.dictionaries(st.sampled_from([*encode_policy(Policy())]), JSON))
def test_any_document_either_rules_or_is_refused(document: dict[str, Any]) -> None:
    try:
        policy = decode_policy(document)
    except PolicyInvalid:
        return
    assert decode_policy(encode_policy(policy)) == policy


async def test_changes_add_up_and_tell_what_differs(connection: Connection) -> None:
    book = PostgresPolicyBook(connection)
    assert await read_policy(connection) == Policy()
    first = await edit_policy(book, {"leverage": {"default": "3"}})
    assert first.changed == {"leverage": (Policy().leverage, Bound(Decimal(3), Decimal(1), Decimal(10)))}
    second = await edit_policy(book, {"leverage": {"high": 8}, "operations_per_minute": "20", "cooldown_min": {"low": "0"}})
    assert set(second.changed) == {"leverage", "operations_per_minute"}
    assert second.policy == await read_policy(connection)
    assert second.policy.leverage == Bound(Decimal(3), Decimal(1), Decimal(8))
    assert second.policy.operations_per_minute == 20


async def test_a_refused_change_leaves_the_policy_as_it_was(connection: Connection) -> None:
    book = PostgresPolicyBook(connection)
    await edit_policy(book, {"operations_per_minute": 20})
    for changes in ({"leverage": {"high": "900"}}, {"nonsense": 1}):
        with pytest.raises(PolicyInvalid):
            await edit_policy(book, changes)
    with pytest.raises(ControlRefused):
        await edit_policy(book, {})
    assert await read_policy(connection) == replace(Policy(), operations_per_minute=20)


async def test_two_changes_at_once_are_both_kept(database: str) -> None:
    pool = await open_pool(database, name="test", size=2)

    async def change(changes: dict[str, Any]) -> None:
        async with pool.acquire() as held, held.transaction():
            await edit_policy(PostgresPolicyBook(held), changes)  # type: ignore[arg-type]

    await change({"validation_window_s": 20})
    await asyncio.gather(change({"operations_per_minute": 20}), change({"reference_max_age_s": 7}))
    async with pool.acquire() as held:
        policy = await read_policy(held)  # type: ignore[arg-type]
    await pool.close()
    assert (policy.validation_window_s, policy.operations_per_minute, policy.reference_max_age_s) == (20, 20, 7)


async def test_the_first_change_holds_off_another(database: str) -> None:
    """There is no row yet that it could lock."""
    pool = await open_pool(database, name="test", size=3)

    async def change(changes: dict[str, Any]) -> None:
        async with pool.acquire() as held, held.transaction():
            await edit_policy(PostgresPolicyBook(held), changes)  # type: ignore[arg-type]

    async with pool.acquire() as first, pool.acquire() as watching:
        async with first.transaction():
            await edit_policy(PostgresPolicyBook(first), {"operations_per_minute": 20})  # type: ignore[arg-type]
            second = asyncio.create_task(change({"reference_max_age_s": 7}))
            await until(lambda: watching.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
        await second
        policy = await read_policy(first)  # type: ignore[arg-type]
    await pool.close()
    assert (policy.operations_per_minute, policy.reference_max_age_s) == (20, 7)
