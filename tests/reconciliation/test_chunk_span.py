"""A chunk's way through execution is one span, however it ends; nothing is made of it while traces are off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest
from tests.reconciliation.bench import WORKER, Bench

from marketbot.dispatch.ownership import SLOTS_PER_EGRESS, SlotMap
from marketbot.domain.signal import Action
from marketbot.execution.executor import Executor
from marketbot.observability import traces
from marketbot.observability.traces import Span
from marketbot.store.listen import Line
from marketbot.store.runs import load_guards
from marketbot.workers import dispatch
from marketbot.workers.dispatch import Dispatcher
from marketbot.workers.ownership import Ownership

PATIENCE_S = 60.0


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Span, dict[str, str | int]]]:
    """Return what spans were begun and have ended."""
    ended: list[tuple[Span, dict[str, str | int]]] = []

    @contextmanager
    def started(name: Span, ids: dict[str, str | int]) -> Iterator[None]:
        try:
            yield
        finally:
            ended.append((name, ids))

    def start(name: Span, ids: dict[str, str | int]) -> AbstractContextManager[None]:
        return started(name, ids)

    monkeypatch.setattr(traces, "_start", start)
    return ended


async def work_off(bench: Bench, dsn: str) -> None:
    """Run the real dispatcher until no chunk is left."""
    ownership = Ownership()
    ownership.worker = WORKER
    slots = SLOTS_PER_EGRESS * 8
    ownership.learn(1, SlotMap((WORKER,) * slots, (0,) * slots))
    pool, tag = bench.world.pool, bench.world.installation.tag
    executor = Executor(bench.desk, bench.locks, bench.reconciler, lambda run: load_guards(pool, [run], tag))
    dispatcher = Dispatcher(
        pool,
        executor,
        bench.world.keyring,
        bench.data.instruments.get,
        tag=tag,
        ownership=ownership,
        window=lambda: timedelta(seconds=60),
        may_claim=lambda: True,
    )
    line = Line(dsn)
    listener = line.listener(["chunk"])
    async with line:
        running = asyncio.create_task(dispatcher.run(listener))
        async with asyncio.timeout(PATIENCE_S):
            while await pool.fetchval("SELECT count(*) FROM chunk WHERE done_at IS NULL"):  # noqa: ASYNC110 - it lies in a database
                await asyncio.sleep(0.02)
        dispatcher.drain(PATIENCE_S)
        await running


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let signals be planned and no more: the dispatcher is to do the rest."""

    async def leave(_bench: Bench) -> None:
        return

    monkeypatch.setattr(Bench, "work_off", leave)


@pytest.mark.usefixtures("planned")
async def test_a_chunk_is_a_span_with_its_ids(
    bench: Bench, database: str, spans: list[tuple[Span, dict[str, str | int]]]
) -> None:
    await bench.world.bring_in([{"venue": "bybit", "environment": "testnet"}] * 2)
    await bench.connect_all()
    signal_id = await bench.signal(Action.OPEN_LONG)
    await work_off(bench, database)
    chunk_id = await bench.world.pool.fetchval("SELECT chunk_id FROM chunk")
    ids = {
        "chunk_id": chunk_id,
        "signal_id": signal_id,
        "lane": "testnet",
        "market": "bybit/testnet",
        "accounts": 2,
        "attempt": 1,
    }
    assert spans == [(Span.CHUNK, ids)]


@pytest.mark.usefixtures("planned")
async def test_one_that_fails_ends_its_span_and_its_next_try_is_another(
    bench: Bench, database: str, spans: list[tuple[Span, dict[str, str | int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "AGAIN_AFTER_S", 0.0)
    load, failures = dispatch.load_runs, iter([ConnectionError()])

    async def fail_once(*given: object, **named: object) -> object:
        for failure in failures:
            raise failure
        return await load(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(dispatch, "load_runs", fail_once)
    await bench.world.bring_in([{"venue": "bybit", "environment": "testnet"}])
    await bench.connect_all()
    await bench.signal(Action.OPEN_LONG)
    await work_off(bench, database)
    assert [(name, ids["attempt"]) for name, ids in spans] == [(Span.CHUNK, 1), (Span.CHUNK, 2)]
