"""Which statements are hot, how each is made to run, and what a plan reads from end to end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from marketbot import store
from marketbot.store.pool import Connection

SQL = Path(store.__file__).with_name("sql")

HOT: Mapping[str, str] = {
    "accounts_in_doubt": "every two seconds, for ever",
    "append_order_events": "every order, several times",
    "append_outcomes": "every account of a signal",
    "claim_chunks": "every round of a worker",
    "due_account_jobs": "every round of balances",
    "end_job": "every job",
    "finish_chunk": "every chunk",
    "claim_jobs": "every round of a keeper",
    "gauges": "every two seconds, for ever",
    "held_signals": "every run of retention: reads what is open",
    "jobs_standing": "every round of a keeper",
    "load_busy_symbols": "every account that is reconciled",
    "load_doubtful_entries": "every position nobody knows",
    "load_guards": "every chunk of a close",
    "load_intents": "every chunk",
    "load_open_positions": "every account that is reconciled",
    "load_orders": "every chunk",
    "load_unconfirmed_orders": "every account with an order in doubt",
    "load_position_orders": "every account that is reconciled",
    "plan_order": "every stop placed anew",
    "prune_accounts": "every batch of retention",
    "prune_chunks": "every batch of retention",
    "prune_jobs": "every batch of retention",
    "prune_refusals": "every batch of retention",
    "quarantine": "every refused key",
    "live_workers": "five times a second, for ever",
    "settle_account_jobs": "every round of balances",
    "set_leverage": "every account's first entry",
    "signals_to_prune": "every page of retention",
    "split_chunk": "every chunk whose accounts changed hands",
    "settle_signal": "every chunk",
    "settle_signals": "every second, for ever",
    "upsert_positions": "every fill",
    "waiting_lanes": "every round of a worker",
    "write_foreign_position": "every position of a person's",
}
COLD: Mapping[str, str] = {
    "accounts_that_left": "once a minute: asks for accounts by their keys, a page at a time",
    "ask_unprotected_notices": "six times a minute: reads the positions that are unprotected",
    "find_closed_notices": "once a minute: the channels that want to know, a page at a time, and those users' results by index",
    "find_not_made_notices": "once a minute: the same, and those users' intents by index",
    "find_protected_notices": "once a minute: the same, and those users' positions by their accounts",
    "summarize_users_day": "every ten minutes: the channels that were not told of yesterday, a page at a time",
    "summarize_operators_day": "once a day: counts accounts and positions",
    "accounts_crossed": "a round of the sweep: reads the open positions, all of them",
    "accounts_holding": "a round of the sweep: reads the open positions, all of them",
    "accounts_to_connect": "looks through the accounts that wait; a page at a time",
    "changed_since": "one user who comes back to a stream; tests/users/test_statements.py looks at it behind the wall",
    "change_account_settings": "one account, by its key, when its owner wishes",
    "imported_accounts": "an import",
    "persons_audit_entries": "one person's copy of their data, a page at a time",
    "plan_account_jobs": "twice a minute: looks through the accounts",
    "replace_follows": "an import",
    "unplan_account_jobs": "twice a minute: looks through the accounts",
    "revoke_keys": "an operator's command over the accounts it names, all of them at most",
    "upsert_accounts": "an import",
    "warn_of_expiring_keys": "once an hour: looks through the keys that were checked",
    "write_key_checks": "a page of weekly looks at keys, by their accounts",
}

GROWING = frozenset(
    {"signal", "intent", "orders", "order_event", "outcome", "chunk", "position", "realized_result", "account", "follow"}
    | {"account_reading", "leverage_setting", "job", "refusal", "unconfirmed_order"}
)
"""Tables whose size follows users, accounts or time."""

PARTIAL = frozenset(
    {"chunk_ready", "chunk_claimed", "chunk_open", "signal_open", "position_open", "position_unprotected"}
    | {"unconfirmed_order_pkey", "unconfirmed_order_oldest"}
    | {"job_due", "job_due_anywhere", "job_due_at_owner", "job_dead"}
)
"""Indexes that hold only what is open: walking one whole is reading what there is to do."""


def sql_of(name: str) -> str:
    return (SQL / f"{name}.sql").read_text()


async def plan_of(connection: Connection, sql: str) -> dict[str, Any]:
    """Return the generic plan: the one that the pool's sessions use, whatever the parameters are."""
    await connection.execute(f"PREPARE hot AS {sql}")
    try:
        wanted = await connection.fetchval("SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'hot'")
        arguments = f"({', '.join(['NULL'] * wanted)})" if wanted else ""
        plan = (await connection.fetchval(f"EXPLAIN (FORMAT json) EXECUTE hot{arguments}"))[0]["Plan"]
    finally:
        await connection.execute("DEALLOCATE hot")
    assert isinstance(plan, dict)
    return plan


async def leading_columns(connection: Connection) -> dict[str, str]:
    """Return the first column of every index: a condition on the others alone finds nothing without walking it."""
    rows = await connection.fetch(
        "SELECT c.relname AS index, a.attname AS column FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid >= 16384"
    )
    return {row["index"]: row["column"] for row in rows}


def read_whole(node: Mapping[str, Any], leading: Mapping[str, str]) -> set[str]:
    """Return the growing tables that a plan reads from end to end: row by row, or by walking an index with no condition on its
    first column."""
    found: set[str] = set()
    kind, table = node["Node Type"], node.get("Relation Name")
    if kind == "Seq Scan" and table in GROWING:
        found.add(f"{table}: {kind}")
    if kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan"):
        index = node["Index Name"]
        found_by = re.search(rf"\b{leading.get(index, index)}\b", node.get("Index Cond", ""))
        if not found_by and index not in PARTIAL and (table in GROWING or table is None):
            found.add(f"{table}: {kind} of {index}")
    return found.union(*(read_whole(child, leading) for child in node.get("Plans", [])))


@asynccontextmanager
async def overheard(connection: Any) -> AsyncIterator[list[str]]:
    """Gather the statements that a connection runs: those that stand in the middle of functions."""
    said: list[str] = []

    def note(query: Any) -> None:
        # The driver asks about types now and then.
        if "pg_catalog" not in query.query and any(
            re.search(rf"\b{table}\b", query.query) for table in (*GROWING, "order_current")
        ):
            said.append(query.query)

    with connection.query_logger(note):
        yield said
        await asyncio.sleep(0)  # the driver tells in the loop's next turn


async def fill(connection: Connection, size: int) -> None:
    """Write ``size`` orders with all that belongs to them: an installation that has traded for weeks. Nothing is analyzed."""
    for table in GROWING:
        await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    await connection.execute("SET statement_timeout = 0")
    for statement in _FILL:
        await connection.execute(statement.replace(":size", str(size)))


# 100 signals over size/300 accounts, three orders each; the last signal's chunks are open.
_FILL = (
    "INSERT INTO source (name, kind, secret_sha256) VALUES ('room', 'webhook', 'x')",
    "INSERT INTO app_user (name) SELECT 'user ' || n FROM generate_series(1, :size / 300) n",
    "INSERT INTO account (user_id, label, venue, environment, status, api_key_sealed, api_secret_sealed, api_key_fingerprint)"
    " SELECT user_id, 'main', 'binance', 'mainnet', 'ready', '', '', convert_to(name, 'UTF8') FROM app_user",
    "INSERT INTO follow SELECT source_id, account_id FROM source, account",
    "INSERT INTO account_reading SELECT account_id, user_id, 1000, 1000, now() FROM account",
    "INSERT INTO leverage_setting SELECT account_id, user_id, 'BTCUSDT', 5, now() FROM account",
    "INSERT INTO signal (source_id, dedup_key, action, symbol, body, state, received_at)"
    " SELECT source_id, n::text, 'open_long', 'BTCUSDT', '', 'settled', now() - n * interval '1 minute'"
    " FROM source, generate_series(1, 20000) n",
    "INSERT INTO intent SELECT s.n, a.account_id, a.user_id, 1, 'queued', NULL, NULL, 'long', 1, 1, 1, 1, 2,"
    " now() - s.n * interval '1 hour' FROM account a, generate_series(1, 100) s (n)",
    "INSERT INTO orders SELECT signal_id, account_id, legs.leg, 0, user_id, signal_id || '-' || account_id || legs.leg,"
    " 'BTCUSDT', side, 1,"
    " CASE legs.leg WHEN 'entry' THEN NULL ELSE 1 END, planned_at"
    " FROM intent, unnest('{entry,stop_loss,take_profit}'::leg[]) AS legs (leg)",
    "INSERT INTO order_event (signal_id, account_id, leg, attempt, seq, user_id, from_state, state, at)"
    " SELECT signal_id, account_id, leg, attempt, 1, user_id, 'planned', 'submitted', created_at FROM orders",
    "INSERT INTO outcome (signal_id, account_id, user_id, result, at)"
    " SELECT signal_id, account_id, user_id, 'ordered', planned_at FROM intent",
    "INSERT INTO chunk (signal_id, lane, venue, environment, account_ids, done_at)"
    " SELECT n, 1, 'binance', 'mainnet', '{1}', now() FROM generate_series(1, 20000) n",
    "INSERT INTO position SELECT account_id, 'S' || n, 'long', user_id, n, 'closed', 1, 1, NULL, NULL, now(), NULL,"
    " now() - interval '2 day', 'stop', 0, now() FROM account, generate_series(1, 20) n",
    "INSERT INTO realized_result SELECT account_id, now() - n * interval '1 hour', 'BTCUSDT', 'long', user_id, n, 1"
    " FROM account, generate_series(1, 20) n",
    "INSERT INTO job (kind, max_attempts, done_at) SELECT 'note', 3, now() - n * interval '1 minute' FROM generate_series(1, 20000) n",
    "INSERT INTO refusal (source_id, reason, refused_at) SELECT source_id, 'FIELD_MISSING', now() - n * interval '1 minute'"
    " FROM source, generate_series(1, 20000) n",
)
