"""How Postgres goes about a user's pages: by index, reading little, whoever else has however much; and the engine's plans stay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from marketbot.domain.ids import UserId
from marketbot.domain.person import STAFF_IDLE, USER_IDLE
from marketbot.domain.side import PositionSide
from marketbot.store import (
    control_history,
    invitations,
    job_queues,
    jobs,
    live,
    one_time_links,
    people,
    people_list,
    refusals,
    result_days,
    sessions,
    tokens,
    user_accounts,
    user_home,
    user_list,
    user_trades,
    users,
)
from marketbot.store.pool import DirectConnection, Pool, open_pool
from marketbot.store.user_trades import IntentKey, PositionKey, ResultKey
from marketbot.store.user_wall import find_wall

from .crowd import give_token, settle_crowd

PAGE = 20
USERS = 300
SIGNALS = 60
PAGES_READ_MAX = 500
"""Blocks of 8 KiB that a page may touch, cached or not. The tables have many thousands; a page of 20 rows joins five of them."""

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NEVER = datetime(2200, 1, 1, tzinfo=UTC)
# Statement and arguments after the user's.
OWN: dict[str, tuple[str, tuple[Any, ...]]] = {
    "me": (user_accounts.ME, ()),
    "switches": (user_accounts.SWITCHES, (10,)),
    "accounts": (user_accounts.LIST_OWN, (0, PAGE)),
    "accounts, oldest first": (user_accounts.OWN_UPWARDS, (0, PAGE, "quarantined", None)),
    "accounts, newest first": (user_accounts.OWN_DOWNWARDS, (2**63 - 1, PAGE, "disconnected", "mainnet")),
    "held": (user_trades.HELD, (None, None, PAGE)),
    "held of one instrument": (user_trades.HELD, (7, "BTCUSDT", PAGE)),
    "standing": (user_home.MONEY, ()),
    "gains": (user_home.GAINS, (LONG_AGO,)),
    "tokens": (tokens._LIST_OWN, (0, PAGE)),
    "live tokens": (tokens._COUNT_LIVE_OWN, ()),
    "signals": (user_trades.SIGNALS, (*IntentKey(), PAGE)),
    "orders": (user_trades.ORDERS, (*IntentKey(), PAGE)),
    "open positions": (user_trades.OPEN_POSITIONS, (*PositionKey(), PAGE)),
    "all positions": (user_trades.ALL_POSITIONS, (*PositionKey(), PAGE)),
    "result days": (result_days.DAYS, ()),
    "one position": (user_trades.ONE_POSITION, (7, "BTCUSDT", PositionSide.LONG)),
    "results": (user_trades.RESULTS, (*ResultKey(), PAGE)),
    "changed since": (live.CHANGED_SINCE, (LONG_AGO, LONG_AGO, PAGE)),
    "changed since now": (live.CHANGED_SINCE, (NEVER, LONG_AGO, PAGE)),
}
OPERATORS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "users": (users._LIST, (0, PAGE)),
    "all accounts": (user_accounts.LIST_ALL, (0, PAGE)),
    "all tokens": (tokens._LIST_ALL, (0, PAGE)),
    "live operators' tokens": (tokens._COUNT_LIVE_OPERATORS, ()),
    "tokens with a stream": (live._HOLDING, ([1, 2, 3, 4, 5],)),
    "a token": (tokens._FIND, (b"\0" * 32, 300.0)),
    "a session": (sessions._FIND, (b"\0" * 32, USER_IDLE, STAFF_IDLE, sessions.SEEN_GRAIN)),
    "sessions with a stream": (sessions._HOLDING, ([1, 2, 3], USER_IDLE, STAFF_IDLE)),
    "a known address": (sessions._KNOWS_ADDRESS, (1, "192.0.2.1", USER_IDLE)),
    "a person's sessions": (sessions._LIST, (1, USER_IDLE, STAFF_IDLE)),
    "a login": (people._CREDENTIALS_BY_EMAIL, ("ana@example.org",)),
    "people": (people._LIST, (0, PAGE)),
    "people with their last login": (people_list.PAGE, (0, None, None, PAGE)),
    "the latest invitations": (invitations.LATEST, (2**62, PAGE)),
    "the latest tokens": (tokens.LATEST, (2**62, None, PAGE)),
    "refused of late": (refusals.OF_SOURCE, (1, PAGE)),
    "another admin": (people._OTHER_ADMIN, (1,)),
    "invitations": (invitations._LIST, (0, PAGE)),
    "an invitation": (invitations._FIND, (b"\0" * 32,)),
    "an open invitation": (invitations._FIND_OPEN, ("ana@example.org",)),
    "a link": (one_time_links._FIND, ("setup", b"\0" * 32)),
    "commands": (control_history.HISTORY, (2**63 - 1, None, None, PAGE, 60.0)),
    "what is halted": (control_history.SET, (PAGE,)),
    "a close's signals": (control_history.CLOSE_SIGNALS, (1, PAGE)),
    "why a close was not": (control_history.CLOSE_REASONS, (1, PAGE)),
    "queues of jobs": (job_queues.QUEUES, ()),
    "dead letters": (jobs.DEAD, (*jobs.DeadKey(), PAGE, None)),
    "users, newest first": (user_list.DOWNWARDS, (2**63 - 1, None, None, PAGE)),
    "a user": (user_list.ONE, (7,)),
    "anybody's account": (user_accounts.READ_ANY, (7,)),
    "who logs in as a user": (people_list.OF_USER, (7,)),
    "names of people": (people._NAMES, ([1, 2, 3],)),
}
SMALL = frozenset({"switch", "source", "installation"})


def scanned(node: dict[str, Any]) -> set[str]:
    found = {node["Relation Name"]} if node["Node Type"] == "Seq Scan" else set()
    return found.union(*(scanned(child) for child in node.get("Plans", [])))


async def plan_of(connection: Any, sql: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
    plan = (await connection.fetchval("EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) " + sql, *arguments))[0]["Plan"]
    assert isinstance(plan, dict)
    return plan


async def own_plan(pool: Pool, name: str) -> dict[str, Any]:
    sql, more = OWN[name]
    async with pool.acquire() as connection:
        wall = await find_wall(connection)
        assert wall is not None
        await connection.execute(wall.opening(UserId(7), writes=False))
        try:
            # A function plans its own statement at its first call in a session, and reads the catalog for it.
            await connection.fetch(sql, 7, *more)
            return await plan_of(connection, sql, (7, *more))
        finally:
            await connection.execute("ROLLBACK")


def blocks(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_pages_are_read_by_index(database: str) -> None:
    pool = await open_pool(database, name="test", size=1)
    try:
        for filled in (False, True):
            if filled:
                async with pool.acquire() as connection:
                    await fill(connection)
            for name in OWN:
                plan = await own_plan(pool, name)
                assert not scanned(plan) - SMALL, (name, filled)
                assert blocks(plan) < PAGES_READ_MAX, (name, filled, blocks(plan))
            for name, (sql, arguments) in OPERATORS.items():
                plan = await plan_of(pool, sql, arguments)
                assert not scanned(plan) - SMALL, (name, filled)
                assert blocks(plan) < PAGES_READ_MAX, (name, filled, blocks(plan))
    finally:
        await pool.close()


async def fill(connection: Any) -> None:
    await settle_crowd(connection, users=USERS, signals=SIGNALS)
    for user_id in range(1, 21):
        await give_token(connection, user_id)
    await connection.execute("ANALYZE")


async def test_every_intent_stands_in_one_index_by_user(owner: DirectConnection) -> None:
    """So that an order in a fan-out costs no entry more for its owner's pages."""
    predicates = await owner.fetch(
        "SELECT indexrelid::regclass::text AS name, pg_get_expr(indpred, indrelid) AS predicate FROM pg_index"
        " WHERE indrelid = 'intent'::regclass AND indpred IS NOT NULL"
    )
    assert {row["name"] for row in predicates} == {"intent_by_user", "intent_by_user_denied", "intent_by_user_exit"}
    counted = " + ".join(f"(CASE WHEN {row['predicate']} THEN 1 ELSE 0 END)" for row in predicates)
    assert [row["n"] for row in await owner.fetch(f"SELECT DISTINCT {counted} AS n FROM intent")] == [1]


@pytest.mark.parametrize("kind", [user_trades.ENTRIES, user_trades.EXITS, user_trades.DENIALS])
async def test_the_pages_conditions_are_the_indexes_own(owner: DirectConnection, kind: str) -> None:
    """A condition that differed from the index's by a word would read every intent of a user."""
    await owner.execute("SET enable_seqscan = off")
    plan = await plan_of(
        owner, f"SELECT planned_at FROM intent WHERE user_id = 1 AND {kind} ORDER BY planned_at DESC LIMIT 3", ()
    )
    (scan,) = plan["Plans"]
    assert scan["Node Type"].startswith("Index")
    assert "Filter" not in scan
