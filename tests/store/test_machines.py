"""The state machines in the code and in the schema are the same ones: every pair of states is tried against the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from itertools import product

import asyncpg
import pytest

from marketbot.domain.execution_report import ErrorClass
from marketbot.domain.intent import IntentState
from marketbot.domain.order import FINAL, OrderState
from marketbot.domain.order import TRANSITIONS as ORDER_EDGES
from marketbot.domain.protection import TRANSITIONS as PROTECTION_EDGES
from marketbot.domain.protection import ProtectionState
from marketbot.domain.side import Leg, PositionSide
from marketbot.domain.signal import Action, SignalState
from marketbot.domain.trading_state import TradingState
from marketbot.domain.venue import Environment

AT = datetime(2026, 1, 2, tzinfo=UTC)
EVENT = """INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, at)
           VALUES ($1, 1, 'entry', 0, $2, 1, $3, $4, $5)"""
POSITION = """INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, stop_price, opened_at, closed_at)
              VALUES ($1, 'BTCUSDT', 'long', 1, $2, 1, 1, 1, $3::timestamptz,
                      CASE WHEN $2 = 'closed'::protection_state THEN $3::timestamptz END)"""
MOVE = """UPDATE position SET protection = $2, closed_at = CASE WHEN $2 = 'closed'::protection_state THEN $3::timestamptz END
          WHERE account_id = $1"""


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    made = await asyncpg.connect(database)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("type_name", "members"),
    [
        ("order_state", OrderState),
        ("protection_state", ProtectionState),
        ("signal_state", SignalState),
        ("signal_action", Action),
        ("leg", Leg),
        ("position_side", PositionSide),
        ("environment", Environment),
        ("trading_state", TradingState),
    ],
)
async def test_an_enum_of_the_schema_has_the_members_of_the_code(
    connection: asyncpg.Connection[asyncpg.Record], type_name: str, members: Iterable[StrEnum]
) -> None:
    found = await connection.fetchval(f"SELECT enum_range(NULL::{type_name})::text[]")
    assert set(found) == {member.value for member in members}


async def test_a_stored_intent_is_denied_or_queued_and_ends_in_states_of_the_code(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    stored = await connection.fetchval("SELECT enum_range(NULL::intent_state)::text[]")
    results = await connection.fetchval("SELECT enum_range(NULL::intent_result)::text[]")
    assert set(stored) == {IntentState.DENIED, IntentState.QUEUED}
    # A refusal by the venue is told apart in the result; of the machine's states it is ``ordered``.
    assert set(results) == {IntentState.ORDERED, IntentState.LAPSED, OrderState.REJECTED}


async def test_the_order_machine_is_the_schema_s(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    taken, refused_by = set(), set()
    for number, (left, to) in enumerate(product(OrderState, repeat=2)):
        try:
            await connection.execute(EVENT, number, 1, left, to, AT)
            taken.add((left, to))
        except asyncpg.CheckViolationError as refused:
            refused_by.add(refused.constraint_name)
    assert taken == ORDER_EDGES
    assert refused_by == {"order_event_edge"}


async def test_the_protection_machine_is_the_schema_s(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    taken, sentences = set(), []
    pairs = [pair for pair in product(ProtectionState, repeat=2) if pair[0] is not pair[1]]
    for number, (left, to) in enumerate(pairs):
        await connection.execute(POSITION, number, left, AT)
        try:
            await connection.execute(MOVE, number, to, AT)
            taken.add((left, to))
        except asyncpg.CheckViolationError as refused:
            sentences.append(str(refused))
    assert taken == PROTECTION_EDGES
    assert all("protection cannot go from" in sentence for sentence in sentences)


@pytest.mark.parametrize("final", sorted(FINAL))
async def test_an_order_has_one_final_state(connection: asyncpg.Connection[asyncpg.Record], final: OrderState) -> None:
    await connection.execute(EVENT, 1, 1, *_edge_into(final), AT)
    for other in sorted(FINAL):
        with pytest.raises(asyncpg.UniqueViolationError, match="order_event_final"):
            await connection.execute(EVENT, 1, 2, *_edge_into(other), AT)


async def test_a_fill_that_crosses_a_cancel_is_taken(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.execute(EVENT, 1, 1, OrderState.ACCEPTED, OrderState.CANCELED, AT)
    await connection.execute(EVENT, 1, 2, OrderState.CANCELED, OrderState.FILLED, AT)
    assert await connection.fetchval("SELECT count(*) FROM order_event") == 2


async def test_what_happened_to_an_order_is_never_rewritten(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.execute(EVENT, 1, 1, OrderState.PLANNED, OrderState.SUBMITTED, AT)
    with pytest.raises(asyncpg.RestrictViolationError):
        await connection.execute("UPDATE order_event SET reason = $1", ErrorClass.REFUSED)


def _edge_into(state: OrderState) -> tuple[OrderState, OrderState]:
    return next(edge for edge in sorted(ORDER_EDGES) if edge[1] is state)
