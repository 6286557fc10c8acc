"""Idempotency keys: one command a key and caller, for a day, and not without bound."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from marketbot.store import idempotency
from marketbot.store.idempotency import Answered, Standing, claim_key, forget_key, keep_answer, prune_keys
from marketbot.store.pool import DirectConnection, connect

A, B = bytes(32), bytes(range(32))


@pytest.fixture
async def connection(database: str) -> AsyncIterator[DirectConnection]:
    connection = await connect(database, name="test")
    yield connection
    await connection.close()


async def test_a_key_is_one_command_of_one_caller(connection: DirectConnection) -> None:
    assert await claim_key(connection, "token:1", "k", A) is Standing.NEW
    assert await claim_key(connection, "token:1", "k", A) is Standing.IN_PROGRESS
    assert await claim_key(connection, "token:1", "k", B) is Standing.OTHER_REQUEST
    assert await claim_key(connection, "token:2", "k", B) is Standing.NEW
    answer = Answered(202, b"{}", "application/json")
    await keep_answer(connection, "token:1", "k", answer)
    assert await claim_key(connection, "token:1", "k", A) == answer
    # What was answered is not forgotten: only a key under which nothing was done is given back.
    await forget_key(connection, "token:1", "k")
    assert await claim_key(connection, "token:1", "k", A) == answer
    await forget_key(connection, "token:2", "k")
    assert await claim_key(connection, "token:2", "k", A) is Standing.NEW


async def test_a_caller_has_so_many_keys_and_another_is_not_held_up(
    connection: DirectConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "KEYS_PER_CALLER_MAX", 2)
    assert [await claim_key(connection, "token:1", key, A) for key in ("a", "b", "c")] == [
        Standing.NEW,
        Standing.NEW,
        Standing.FULL,
    ]
    assert await claim_key(connection, "token:2", "c", A) is Standing.NEW
    assert await claim_key(connection, "token:1", "a", A) is Standing.IN_PROGRESS


async def test_old_keys_are_pruned_a_batch_at_a_time(connection: DirectConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "ROWS_BATCH", 2)
    for key in "abcd":
        await claim_key(connection, "token:1", key, A)
    await connection.execute("UPDATE idempotency_key SET created_at = now() - interval '25 hours' WHERE key <> 'd'")
    assert [await prune_keys(connection, timedelta(hours=24)) for _ in range(3)] == [2, 1, 0]
    assert await connection.fetchval("SELECT array_agg(key) FROM idempotency_key") == ["d"]
