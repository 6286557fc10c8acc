"""A process is killed in the middle of a fan-out: everything ends as if it had not happened."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from .world import world

pytestmark = pytest.mark.process

ACCOUNTS = 120
LATE_HALF = [
    {"kind": "slow", "path": path, "method": "POST", "after": ACCOUNTS // 4, "delay_ms": 700}
    for path in ("/fapi/v1/order", "/v5/order/create")
]
"""Half of the entries are answered late, so that there is a midway."""
RESTART_S = 10.0
"""Longest time a killed part may take to be back; a position may be without a stop for that and five seconds more."""


async def test_the_engine_is_killed_midway(place: Path) -> None:
    async with world(place) as made:
        await made.add_accounts("momentum", "ana", ACCOUNTS)
        await made.stage.control.add_faults(LATE_HALF)
        signal_id = await made.accepted("momentum")
        await made.outcomes(1)
        engine = made.stage.supervisor.children["engine"]
        killed, finished = engine.pid, await made.fetchval("SELECT count(*) FROM outcome")
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert finished < ACCOUNTS, "the work was over before the kill: nothing was tested"
        await made.settled(signal_id)
        found = await made.final_audit(unprotected_limit_s=RESTART_S + 5.0)
        assert engine.restarts == 1
        assert engine.pid != killed
    assert found.clean, found.document()
    assert (found.planned, found.ordered, found.positions) == (ACCOUNTS, ACCOUNTS, ACCOUNTS)


async def test_the_engine_is_killed_before_it_has_planned(place: Path) -> None:
    async with world(place) as made:
        await made.add_accounts("momentum", "ana", 20)
        await made.accepted("momentum")
        engine = made.stage.supervisor.children["engine"]
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        second = await made.accepted("momentum", "pine_short.json")
        await made.settled(second - 1, second)
        found = await made.final_audit(unprotected_limit_s=RESTART_S + 5.0)
    assert found.clean, found.document()
    assert found.ordered == 40


async def test_postgres_is_killed_midway(place: Path) -> None:
    async with world(place) as made:
        await made.add_accounts("momentum", "ana", ACCOUNTS)
        await made.stage.control.add_faults(LATE_HALF)
        signal_id = await made.accepted("momentum")
        await made.outcomes(1)
        database = made.stage.supervisor.database
        assert database is not None
        await database.kill()
        await made.settled(signal_id)
        found = await made.final_audit(unprotected_limit_s=RESTART_S + 5.0)
        assert database.restarts >= 1
        assert made.stage.supervisor.children["engine"].restarts == 0, "the engine waits for it"
    assert found.clean, found.document()
    assert (found.planned, found.ordered) == (ACCOUNTS, ACCOUNTS)


async def test_signals_are_answered_503_while_the_database_is_away(place: Path) -> None:
    async with world(place) as made:
        await made.add_accounts("momentum", "ana", 20)
        first = await made.accepted("momentum")
        database = made.stage.supervisor.database
        assert database is not None
        await database.stop()
        away = await made.post("momentum", "pine_short.json")
        assert away.status == 503
        assert away.document["reason"] == "STORE_UNAVAILABLE"
        assert int(away.headers["retry-after"]) > 0
        await database.start()
        back_by = time.monotonic() + 20.0
        answer = await made.post("momentum", "pine_short.json")
        while answer.status == 503 and time.monotonic() < back_by:
            answer = await made.post("momentum", "pine_short.json")
        assert answer.status == 202
        await made.settled(first, int(answer.document["signal_id"]))
        assert made.stage.supervisor.children["engine"].restarts == 0, "the engine waits for it"
        found = await made.final_audit(unprotected_limit_s=RESTART_S + 5.0)
    assert found.clean, found.document()
    assert (found.signals, found.ordered) == (2, 40)
