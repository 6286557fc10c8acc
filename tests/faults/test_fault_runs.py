"""Everything goes wrong a little, by seed; afterwards the exchange's book and ours must agree.

``MARKETBOT_FAULT_SEEDS=1,2,3`` runs more seeds than the one that every run of the tests takes. A failure tells its seed.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.faults.installation import SYMBOLS, Installation, eventually, open_installation_with

from marketbot.audit.report import Audit
from marketbot.domain.signal import Action

SEEDS = [int(seed) for seed in os.environ.get("MARKETBOT_FAULT_SEEDS", "1").split(",")]
ACCOUNTS = 150
AFTER_RESTART_S = 5.0
"""The rule: a killed engine leaves no position without a stop for longer than its restart takes and this."""
UNANSWERED_S = 4.0
"""What one call that hangs may add amid faults, at most: a comparison's read, which an account's work waits for (`Timeouts.read_s`).
A stop that hangs adds less, and is within the five seconds; two such calls in a row on one position did not occur in the drills."""
SETTLE_S = 90.0
AGREE_S = 40.0
FEW = 0.03

ON_WRITES = {
    "accept_then_hang": 0.005,
    "accept_then_500": 0.02,
    "accept_then_reset": 0.02,
    "reset_before_accept": 0.02,
    "drop_connection": 0.02,
    "hang": 0.005,
    "definite_503": 0.02,
    "rate_limit_429": 0.01,
    "ban_418": 0.002,
    "slow": 0.02,
    "reject_stop": 0.02,
    "partial_fill": 0.03,
    "position_not_visible": 0.03,
    "order_not_visible": 0.03,
}
ON_READS = {"reset_before_accept": 0.005, "drop_connection": 0.005, "hang": 0.001, "definite_503": 0.005, "slow": 0.01}
MOVED = {"BTCUSDT": "115100.0", "ETHUSDT": "4215.0"}
"""Bitcoin rises by 3.5 %: the longs' targets. Ether falls by 2.3 %: the longs' stops. Solana stands."""
OFTEN = {"max_positions": {"default": "5"}, "cooldown_min": {"default": "0"}, "position_size_pct": {"default": "20"}}

pytestmark = pytest.mark.process


def rules() -> list[dict[str, object]]:
    """Return every fault of the simulator, those of writes by any method that writes."""
    found: list[dict[str, object]] = []
    for kind, probability in ON_WRITES.items():
        for method in ("POST", "DELETE"):
            rule: dict[str, object] = {"kind": kind, "method": method, "probability": probability, "delay_ms": 400}
            if kind == "ban_418":
                # Bybit's ban has no end that it tells, so its address is left alone for ten minutes: longer than a drill.
                rule["venue"] = "binance"
            found.append(rule)
    found += [{"kind": kind, "method": "GET", "probability": each, "delay_ms": 400} for kind, each in ON_READS.items()]
    return found


async def assert_clean(found: Audit, seed: int, made: Installation) -> None:
    story = "" if found.clean else await made.trace(found)
    assert found.clean, f"seed {seed}: {found.document()}\n{story}"


async def restart(made: Installation, allowed_s: float) -> None:
    """Kill the engine, start it anew, and allow positions to be without a stop for as long as that took and ``allowed_s``."""
    killed_at_s = time.monotonic()
    await made.kill_engine()
    await made.start_engine()
    made.unprotected_limit_s = time.monotonic() - killed_at_s + allowed_s


async def play(made: Installation, seed: int, *, kill_after_s: float | None = None) -> Audit:
    """Open three symbols for everybody, let stops and targets fire, close the rest; faults strike all the while."""
    await made.start_engine()
    await made.control.call("POST", "/seed", {"seed": seed})
    await made.control.add_faults(rules())
    opened = [await made.signal(Action.OPEN_LONG, SYMBOLS[0])]
    if kill_after_s is not None:
        await asyncio.sleep(kill_after_s)  # the moment is the point: orders are on their way
        await restart(made, AFTER_RESTART_S + UNANSWERED_S)
    opened += [await made.signal(Action.OPEN_LONG, symbol) for symbol in SYMBOLS[1:]]
    # What is looked up for long is overtaken by the moving prices and by the close: both are part of the drill.
    await made.few_unfinished(opened, FEW, SETTLE_S)
    assert await made.control.set_prices(MOVED) > 0
    closed = [await made.signal(Action.CLOSE_LONG, symbol) for symbol in SYMBOLS]
    await made.few_unfinished([*opened, *closed], FEW, SETTLE_S)
    struck = [rule["hits"] for rule in (await made.control.call("GET", "/faults"))["rules"]]
    assert sum(struck) > ACCOUNTS / 3, struck
    await made.control.clear_faults()
    await made.settled([*opened, *closed], SETTLE_S)
    return await made.until_clean(AGREE_S)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_run_with_every_fault_ends_with_books_that_agree(database: str, tmp_path: Path, seed: int) -> None:
    async with open_installation_with(database, tmp_path, accounts=ACCOUNTS, seed=seed, **OFTEN) as made:
        found = await play(made, seed)
        await assert_clean(found, seed, made)
        assert found.ordered > ACCOUNTS * 2
        assert found.positions > ACCOUNTS * 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.drill
async def test_an_engine_killed_amid_the_faults_leaves_nothing_lost_or_doubled(database: str, tmp_path: Path, seed: int) -> None:
    async with open_installation_with(database, tmp_path, accounts=ACCOUNTS, seed=seed, **OFTEN) as made:
        found = await play(made, seed, kill_after_s=0.5 + seed % 7 * 0.1)
        await assert_clean(found, seed, made)
        assert found.ordered > ACCOUNTS * 2


async def test_an_engine_killed_on_a_calm_day_leaves_no_position_without_a_stop(database: str, tmp_path: Path) -> None:
    async with open_installation_with(database, tmp_path, accounts=ACCOUNTS, **OFTEN) as made:
        await made.start_engine()
        opened = await made.signal(Action.OPEN_LONG, SYMBOLS[0])

        async def some_are_held() -> bool:
            return len((await made.control.call("GET", "/positions"))["positions"]) > 0

        await eventually(some_are_held, SETTLE_S)
        await restart(made, AFTER_RESTART_S)
        signals = [opened, await made.signal(Action.OPEN_LONG, SYMBOLS[1])]
        await made.settled(signals, SETTLE_S)
        found = await made.until_clean(AGREE_S)
        await assert_clean(found, 0, made)
        assert found.ordered == 2 * ACCOUNTS
