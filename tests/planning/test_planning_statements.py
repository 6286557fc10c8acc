"""How Postgres goes about planning's statements: by index, on tables that are empty and never analyzed, and on large ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from marketbot.store import planning
from marketbot.store.pool import Pool

from .town import Town

NOW = datetime.now(UTC)
IDS = list(range(1, 1001))
# Statement, arguments, and tables that must not be read from end to end.
STATEMENTS: dict[str, tuple[str, tuple[Any, ...], frozenset[str]]] = {
    "followers": (planning._FOLLOWERS_OF_ONE, (1, 0, 1000, "mainnet"), frozenset({"follow", "account", "account_reading"})),
    "positions": (planning._POSITIONS, (IDS[:50], "BTCUSDT"), frozenset({"position"})),
    "results": (planning._RESULTS, (IDS[:50], NOW), frozenset({"realized_result"})),
    "operations": (planning._OPERATIONS, (IDS[:50], NOW), frozenset({"intent"})),
    "on their way": (planning._ON_THEIR_WAY, ([1, 2], IDS[:50]), frozenset({"intent", "signal", "outcome"})),
    "signal": (planning._SIGNAL_TO_PLAN, (1,), frozenset({"signal"})),
    "open signals": (planning._OPEN_SIGNALS, (100,), frozenset({"signal"})),
    "others open": (planning._OTHERS_OPEN, (1,), frozenset({"signal"})),
    "close waits": (planning._CLOSE_WAITS, (), frozenset({"signal"})),
}


def scanned(node: dict[str, Any]) -> set[str]:
    """Return the tables that a plan reads from end to end."""
    found = {node["Relation Name"]} if node["Node Type"] == "Seq Scan" else set()
    return found.union(*(scanned(child) for child in node.get("Plans", [])))


def sorts(node: dict[str, Any]) -> bool:
    return node["Node Type"] in ("Sort", "Incremental Sort") or any(sorts(child) for child in node.get("Plans", []))


async def plan_of(pool: Pool, name: str, *, generic: bool) -> dict[str, Any]:
    sql, arguments, _ = STATEMENTS[name]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(planning._BEGIN_PAGE.replace("$1", "1"))
        await connection.execute(f"SET LOCAL plan_cache_mode = force_{'generic' if generic else 'custom'}_plan")
        plan = (await connection.fetchval("EXPLAIN (FORMAT json) " + sql, *arguments))[0]["Plan"]
    assert isinstance(plan, dict)
    return plan


async def fill(town: Town, pool: Pool) -> None:
    """20,000 followers, as many signals, and 100,000 past intents with their outcomes and positions."""
    await town.crowd(12_000)
    await town.crowd(8_000, venue="bybit", environment="testnet")
    await pool.execute(
        "INSERT INTO signal (source_id, dedup_key, action, symbol, body, state)"
        " SELECT 1, n, 'open_long', 'BTCUSDT', '', 'settled' FROM generate_series(1, 20000) n"
    )
    await pool.execute(
        "INSERT INTO intent SELECT s, a.account_id, a.user_id, 1, 'queued', NULL, NULL, 'long', 1, 1, 1, 1, 2,"
        " now() - interval '1 day' FROM account a, generate_series(1, 5) s"
    )
    await pool.execute(
        "INSERT INTO outcome (signal_id, account_id, user_id, result, at)"
        " SELECT signal_id, account_id, user_id, 'ordered', planned_at FROM intent"
    )
    await pool.execute(
        "INSERT INTO position SELECT account_id, 'S' || n, 'long', user_id, NULL, 'closed', 1, 1, NULL, NULL, now(), NULL,"
        " now() - interval '2 day', 'stop', 0, now() FROM account, generate_series(1, 5) n"
    )


@pytest.mark.parametrize("generic", [False, True])
@pytest.mark.parametrize("name", STATEMENTS)
async def test_an_empty_table_that_was_never_analyzed_is_read_by_index(pool: Pool, name: str, generic: bool) -> None:
    assert not scanned(await plan_of(pool, name, generic=generic)) & STATEMENTS[name][2]


async def assert_by_index(pool: Pool, state: str) -> None:
    for name, (_, _, never_scanned) in STATEMENTS.items():
        for generic in (False, True):
            plan = await plan_of(pool, name, generic=generic)
            assert not scanned(plan) & never_scanned, (name, state, generic)
            # A page of followers is the index's next so many rows: whoever sorts has read them all.
            assert name != "followers" or not sorts(plan), (name, state, generic)


async def test_large_tables_are_read_by_index_whatever_postgres_knows_of_them(town: Town, pool: Pool) -> None:
    for table in ("follow", "account", "account_reading", "signal", "intent", "outcome", "position"):
        await pool.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    await town.crowd(10, venue="ccxt:okx")
    await pool.execute("ANALYZE")
    await fill(town, pool)
    await assert_by_index(pool, "analyzed when they were small")
    await pool.execute("ANALYZE")
    await assert_by_index(pool, "analyzed")


async def test_large_tables_that_were_never_analyzed_are_read_by_index(town: Town, pool: Pool) -> None:
    await fill(town, pool)
    await assert_by_index(pool, "never analyzed")
