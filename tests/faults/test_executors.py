"""Several executors over one database: they share the accounts, and whatever becomes of one of them nobody's order suffers."""

from __future__ import annotations

import signal
from asyncio.subprocess import Process
from pathlib import Path

import pytest
from tests.faults.installation import SYMBOLS, Installation, eventually, open_installation_with

from marketbot.dispatch.ownership import NOBODY
from marketbot.domain.signal import Action
from marketbot.workers.presence import LEASE_S

BTC, ETH, _ = SYMBOLS
ACCOUNTS = 64
LATE = [{"kind": "slow", "path": path, "method": "POST", "delay_ms": 1_000} for path in ("/fapi/v1/order", "/v5/order/create")]

pytestmark = pytest.mark.process


async def test_two_share_the_accounts_and_every_position_is_closed_by_its_owner(database: str, tmp_path: Path) -> None:
    async with open_installation_with(database, tmp_path, accounts=ACCOUNTS) as made:
        await started(made, 2)
        opened = await made.signal(Action.OPEN_LONG, BTC)
        await made.settled([opened], 60)
        meant = await made.connection.fetch("SELECT DISTINCT for_worker FROM chunk WHERE signal_id = $1", opened)
        assert {row["for_worker"] for row in meant} == set(await owners(made))
        closed = await made.signal(Action.CLOSE_LONG, BTC)
        await made.settled([closed], 60)
        await audited(made, ordered=2 * ACCOUNTS)


async def test_one_that_joins_in_the_middle_takes_its_part(database: str, tmp_path: Path) -> None:
    async with open_installation_with(database, tmp_path, accounts=ACCOUNTS) as made:
        await started(made, 1)
        await made.control.add_faults(LATE)
        signals = [await made.signal(Action.OPEN_LONG, symbol) for symbol in (BTC, ETH)]
        await eventually(lambda: some_claimed(made), 20)
        await made.start_engine()
        signals.append(await made.signal(Action.CLOSE_LONG, BTC))
        await eventually(lambda: shared_by(made, 2), 30)
        await made.control.clear_faults()
        await made.settled(signals, 60)
        await audited(made, ordered=3 * ACCOUNTS)


async def test_a_killed_one_loses_and_doubles_nothing(database: str, tmp_path: Path) -> None:
    async with open_installation_with(database, tmp_path, accounts=ACCOUNTS) as made:
        first, _ = await started(made, 2)
        await made.control.add_faults(LATE)
        opened = await made.signal(Action.OPEN_LONG, BTC)
        await eventually(lambda: some_claimed(made), 20)
        first.kill()
        await made.control.clear_faults()
        closed = await made.signal(Action.CLOSE_LONG, BTC)
        reopened = await made.signal(Action.OPEN_LONG, ETH)
        await made.settled([opened, closed, reopened], 90)
        assert len(await owners(made)) == 1
        await audited(made)


async def test_a_frozen_one_that_wakes_up_does_nothing_more(database: str, tmp_path: Path) -> None:
    async with open_installation_with(database, tmp_path, accounts=ACCOUNTS) as made:
        frozen, _ = await started(made, 2)
        await made.control.add_faults(LATE)
        opened = await made.signal(Action.OPEN_LONG, BTC)
        await eventually(lambda: some_claimed(made), 20)
        frozen.send_signal(signal.SIGSTOP)
        try:
            await made.control.clear_faults()
            later = await made.signal(Action.OPEN_LONG, ETH)
            await made.settled([opened, later], 3 * LEASE_S + 30)
            before = await made.connection.fetchval("SELECT count(*) FROM order_event")
        finally:
            frozen.send_signal(signal.SIGCONT)
        assert await frozen.wait() != 0, "it finds itself taken for dead and ends"
        assert await made.connection.fetchval("SELECT count(*) FROM order_event") == before
        await audited(made)


async def test_one_after_the_other_is_replaced_while_signals_come_in(database: str, tmp_path: Path) -> None:
    async with open_installation_with(database, tmp_path, accounts=ACCOUNTS) as made:
        old = await started(made, 2)
        signals = []
        for action, symbol, leaving in zip((Action.OPEN_LONG, Action.CLOSE_LONG), (BTC, BTC), old, strict=True):
            signals.append(await made.signal(action, symbol))
            await eventually(lambda: some_claimed(made), 20)
            await made.start_engine()
            signals.append(await made.signal(Action.OPEN_LONG if leaving is old[0] else Action.CLOSE_LONG, ETH))
            leaving.send_signal(signal.SIGTERM)
            assert await leaving.wait() == 0, made.engine_log()
        await made.settled(signals, 90)
        await eventually(lambda: shared_by(made, 2), 20)
        found = await made.until_clean(20)
        assert found.clean, await made.trace(found)


async def started(made: Installation, count: int) -> list[Process]:
    """Start engines and wait until they share the slots."""
    for _ in range(count):
        await made.start_engine()
    await eventually(lambda: shared_by(made, count), 20)
    return list(made.engines)


async def owners(made: Installation) -> set[int]:
    found: list[int] = await made.connection.fetchval("SELECT owners FROM slot_map")
    return set(found) - {NOBODY}


async def shared_by(made: Installation, count: int) -> bool:
    heirs: list[int] = await made.connection.fetchval("SELECT heirs FROM slot_map")
    return len(await owners(made)) == count and set(heirs) == {NOBODY}


async def some_claimed(made: Installation) -> bool:
    return bool(await made.connection.fetchval("SELECT count(*) FROM chunk WHERE attempts > 0 AND done_at IS NULL"))


async def audited(made: Installation, ordered: int | None = None) -> None:
    found = await made.until_clean(20)
    assert found.clean, await made.trace(found)
    if ordered is not None:
        assert found.ordered == ordered, found.document()
