"""The state graphs drawn in ARCHITECTURE.md, the tables in the domain and the edges that Postgres lets through are one and the same."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from itertools import product
from pathlib import Path

import asyncpg
import pytest

from marketbot.domain import breaker, order, protection
from marketbot.domain.breaker import BreakerState
from marketbot.domain.intent import INTENT_TRANSITIONS, IntentState
from marketbot.domain.order import OrderState
from marketbot.domain.protection import ProtectionState
from marketbot.domain.signal import SIGNAL_TRANSITIONS, SignalState

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "ARCHITECTURE.md"
AT = datetime(2026, 1, 1, tzinfo=UTC)

_GRAPH = re.compile(r"<!-- graph: (\w+) -->\n```mermaid\nstateDiagram-v2\n(.*?)```", re.DOTALL)
_EDGE = re.compile(r"^\s*(\S+) --> (\S+?)(?: : .+)?$")
_OUTSIDE = "[*]"

Edges = set[tuple[str, str]]


def drawn(name: str) -> Edges:
    """Return a graph's lines, its beginnings and ends included."""
    graphs = dict(_GRAPH.findall(ARCHITECTURE.read_text()))
    lines = graphs[name].strip().splitlines()
    edges = [match.groups() for line in lines if (match := _EDGE.match(line))]
    assert len(edges) == len(lines), f"a line of the {name} graph is no edge"
    assert len(set(edges)) == len(edges), f"an edge of the {name} graph is drawn twice"
    return {(left, right) for left, right in edges}


def moves(edges: Edges) -> Edges:
    return {edge for edge in edges if _OUTSIDE not in edge}


def told(transitions: Iterable[tuple[StrEnum, StrEnum]]) -> Edges:
    return {(left.value, right.value) for left, right in transitions}


@pytest.mark.parametrize(
    ("name", "transitions", "states"),
    [
        ("order", order.TRANSITIONS, OrderState),
        ("protection", protection.TRANSITIONS, ProtectionState),
        ("intent", INTENT_TRANSITIONS, IntentState),
        ("signal", SIGNAL_TRANSITIONS, SignalState),
        ("breaker", breaker.TRANSITIONS, BreakerState),
    ],
)
def test_the_drawn_graph_is_the_domains(
    name: str, transitions: frozenset[tuple[StrEnum, StrEnum]], states: type[StrEnum]
) -> None:
    edges = moves(drawn(name))
    assert edges == told(transitions)
    assert {state for edge in edges for state in edge} == {state.value for state in states}


def test_the_drawn_ends_of_an_order_are_its_final_states() -> None:
    assert {left for left, right in drawn("order") if right == _OUTSIDE} == {state.value for state in order.FINAL}


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    found = await asyncpg.connect(database)
    try:
        yield found
    finally:
        await found.close()


@pytest.mark.parametrize(
    ("kind", "states"),
    [("order_state", OrderState), ("protection_state", ProtectionState), ("signal_state", SignalState)],
)
async def test_the_schema_knows_the_same_states(
    connection: asyncpg.Connection[asyncpg.Record], kind: str, states: type[StrEnum]
) -> None:
    stored = await connection.fetchval(f"SELECT enum_range(NULL::{kind})::text[]")
    assert set(stored) == {state.value for state in states}


async def test_the_schema_takes_the_same_order_events(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    taken: Edges = set()
    refused_by = set()
    for number, (left, right) in enumerate(product(OrderState, repeat=2)):
        try:
            await connection.execute(
                "INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, at)"
                " VALUES ($1, 1, 'entry', 0, 1, 1, $2, $3, $4)",
                number,
                left,
                right,
                AT,
            )
        except asyncpg.CheckViolationError as error:
            refused_by.add(error.constraint_name)
        else:
            taken.add((left.value, right.value))
    assert refused_by == {"order_event_edge"}
    assert taken == moves(drawn("order"))


async def test_the_schema_moves_a_positions_protection_along_the_same_edges(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    taken: Edges = set()
    refusals = []
    for number, (left, right) in enumerate(product(ProtectionState, repeat=2)):
        if left is right:
            continue
        await connection.execute(
            "INSERT INTO position (account_id, symbol, side, user_id, protection, qty, entry_price, stop_price, opened_at, closed_at)"
            " VALUES ($1, 'BTCUSDT', 'long', 1, $2, 1, 100, 98, $3, $4)",
            number,
            left,
            AT,
            AT if left is ProtectionState.CLOSED else None,
        )
        try:
            await connection.execute(
                "UPDATE position SET protection = $2, closed_at = $3 WHERE account_id = $1",
                number,
                right,
                AT if right is ProtectionState.CLOSED else None,
            )
        except asyncpg.CheckViolationError as error:
            refusals.append(str(error))
        else:
            taken.add((left.value, right.value))
    assert all("protection cannot go from" in refusal for refusal in refusals)
    assert taken == moves(drawn("protection"))
