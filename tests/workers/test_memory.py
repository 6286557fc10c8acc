"""A process that nears its memory bound ends in good order, and its supervisor starts a fresh one without counting a death."""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import structlog.testing

from marketbot.supervisor import child as child_module
from marketbot.supervisor.child import Child, Program
from marketbot.workers.memory import MIB, NEAR, REPLACE_STATUS, MemoryWatch, resident_bytes

PATIENCE_S = 60.0


async def test_the_bound_stops_the_process_once_it_is_near() -> None:
    stopped, held = asyncio.Event(), 0
    watch = MemoryWatch(100, stopped.set, read=lambda: held, every_s=0.001, young_s=0.0)
    task = asyncio.create_task(watch.run())
    for _ in range(20):
        await asyncio.sleep(0)
    held = int(100 * MIB * NEAR)
    assert not stopped.is_set()
    assert watch.status == 0
    held += 1
    async with asyncio.timeout(PATIENCE_S):
        await stopped.wait()
        await task
    assert watch.status == REPLACE_STATUS


async def test_a_young_process_is_not_replaced_but_tells_that_its_bound_is_too_low() -> None:
    stopped, looked = asyncio.Event(), 0

    def read() -> int:
        nonlocal looked
        looked += 1
        return 10 * MIB

    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(MemoryWatch(1, stopped.set, read=read, every_s=0.0, young_s=PATIENCE_S * 10).run())
        while looked < 5:  # noqa: ASYNC110 - it is counted by a callback
            await asyncio.sleep(0)
        task.cancel()
    assert not stopped.is_set()
    assert [line["event"] for line in logs] == ["memory_bound_too_low"]


async def test_no_bound_and_no_way_to_read_are_no_reason_to_stop() -> None:
    for bound, held in ((0, 10 * MIB), (1, None)):
        stopped = asyncio.Event()
        await MemoryWatch(bound, stopped.set, read=lambda held=held: held, every_s=0.0, young_s=0.0).run()
        assert not stopped.is_set()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell")
async def test_what_is_read_is_this_process() -> None:
    before = resident_bytes()
    block = mmap.mmap(-1, 32 * MIB)  # pages of its own, whatever else the process has freed and kept
    for page in range(0, len(block), mmap.PAGESIZE):
        block[page] = 1
    after = resident_bytes()
    assert before is not None
    assert after is not None
    assert after - before > 20 * MIB
    assert len(block) == 32 * MIB


_GROWING = """
import asyncio, pathlib, sys
from marketbot.workers.memory import MemoryWatch

async def main():
    stopped = asyncio.Event()
    watch = MemoryWatch(1, stopped.set, every_s=0.01, young_s=0.0)
    asyncio.create_task(watch.run())
    starts = pathlib.Path(sys.argv[1])
    starts.write_text(starts.read_text() + "x")
    if len(starts.read_text()) > int(sys.argv[2]):
        await asyncio.Event().wait()
    await stopped.wait()
    return watch.status

raise SystemExit(asyncio.run(main()))
"""


@pytest.mark.process
async def test_the_supervisor_replaces_it_as_often_as_it_takes_and_gives_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "growing.py").write_text(_GROWING)
    starts = tmp_path / "starts"
    starts.write_text("")
    replaced = 5
    failures: list[Exception] = []

    async def ready() -> bool:
        return bool(starts.read_text())

    program = Program(
        name="growing",
        module="growing",
        arguments=(str(starts), str(replaced)),
        environment=dict(os.environ) | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        log_file=tmp_path / "growing.log",
        ready=ready,
        restarts_max=1,
    )
    assert replaced > program.restarts_max
    monkeypatch.setattr(child_module, "RESTART_BACKOFF_S", 0.01)
    child = Child(program, on_failure=failures.append)
    await child.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while child.restarts < replaced:  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.02)
            assert failures == []
            # What dies is counted as ever: the second death in a row is one too many here.
            while not failures:
                if child.pid is not None:
                    with suppress(ProcessLookupError):
                        os.kill(child.pid, signal.SIGKILL)
                await asyncio.sleep(0.02)
    finally:
        await child.stop()
