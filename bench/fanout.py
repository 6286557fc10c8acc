"""The fan-out, measured on a whole installation: how long, how much CPU, how much memory, and the webhook meanwhile."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.rig import AGAIN_SYMBOLS, IDLE_SOURCE, SYMBOL, THIRD_SYMBOL, WARM_UP_SYMBOL, Rig, rig
from marketbot.store.pool import connect

Row = dict[str, Any]

SETTLE_TIMEOUT_S = 120.0
WEBHOOKS_PER_S = 50
IDLE_S = 3.0
"""What the installation costs while nothing is sent (rounds of reconciliation, market data) is measured this long before a fan-out."""
RESTING_CPU_S = 0.015
"""What one process of an installation at rest uses at most between two looks (rounds of reconciliation, market data)."""
LOOK_S = 0.5
LONGEST_WINDOW_S = 6.0
"""Bybit counts an address's requests over five seconds."""
EGRESSES = 16
"""Source addresses: as many as ten thousand accounts need under the venues' own limits (Bybit: 600 requests in five seconds each)."""


@dataclass(frozen=True, slots=True)
class FanOut:
    """What one signal over ``accounts`` accounts took. Times in milliseconds since the signal was received, CPU in microseconds an account.

    ``cpu_us`` is what the fan-out added: the idle installation's ``idle_cpu_us`` over the same time is taken off.
    """

    accounts: int
    ordered: int
    first_sent_ms: float
    acked_p50_ms: float
    acked_p99_ms: float
    acked_last_ms: float
    protected_p99_ms: float
    all_done_s: float
    rounds: int
    cpu_us: dict[str, float]
    idle_cpu_us: float
    simulator_cpu_us: float
    engine_base_mb: float
    engine_mb: float
    webhook_p50_ms: float
    webhook_p95_ms: float
    webhooks: int

    @property
    def path_cpu_us(self) -> float:
        return sum(self.cpu_us.values())


async def measure_fan_out(accounts: int, *, again: bool = False, webhooks: bool = False) -> FanOut:
    """Warm the installation up with one signal over all accounts, then measure the next one.

    ``again``: two more are measured, and the CPU is that of the median one. ``webhooks``: another signal is fanned out while
    webhooks are posted at a fixed rate and timed.
    """
    async with rig(accounts, egresses=EGRESSES) as made:
        base_mb = made.rss_bytes("engine") / 1e6
        await made.settled(await made.open_long(WARM_UP_SYMBOL), SETTLE_TIMEOUT_S)
        await quiet(made)
        rounds = [await _measure(made, SYMBOL, accounts)]
        for symbol in AGAIN_SYMBOLS if again else ():
            await quiet(made)
            rounds.append(await _measure(made, symbol, accounts))
        times = await _times(made, rounds[0].signal_id)
        rounds.sort(key=lambda one: sum(one.cpu_us.values()))
        median = rounds[len(rounds) // 2]
        engine_mb = made.rss_bytes("engine") / 1e6
        latencies = await _webhooks_until_settled(made, await made.open_long(THIRD_SYMBOL)) if webhooks else []
        return FanOut(
            accounts=accounts,
            cpu_us=median.cpu_us,
            idle_cpu_us=median.idle_cpu_us,
            simulator_cpu_us=median.simulator_cpu_us,
            rounds=len(rounds),
            engine_base_mb=base_mb,
            engine_mb=engine_mb,
            webhook_p50_ms=quantile(latencies, 0.5),
            webhook_p95_ms=quantile(latencies, 0.95),
            webhooks=len(latencies),
            all_done_s=median.all_done_s,
            **times,
        )


@dataclass(frozen=True, slots=True)
class _Round:
    """One signal, from its post until it is settled; CPU in microseconds an account."""

    signal_id: int
    all_done_s: float
    cpu_us: dict[str, float]
    idle_cpu_us: float
    simulator_cpu_us: float


async def _measure(made: Rig, symbol: str, accounts: int) -> _Round:
    idle = await _idle_cpu(made)
    cpu, simulator_cpu = made.cpu_s(), made.sim_cpu_s()
    started = time.monotonic()
    signal_id = await made.open_long(symbol)
    await made.settled(signal_id, SETTLE_TIMEOUT_S)
    took_s = time.monotonic() - started
    used, simulator_used = made.cpu_s(), made.sim_cpu_s() - simulator_cpu
    return _Round(
        signal_id,
        took_s,
        {name: (seconds - cpu[name] - idle[name] * took_s) * 1e6 / accounts for name, seconds in used.items()},
        sum(idle.values()) * took_s * 1e6 / accounts,
        simulator_used * 1e6 / accounts,
    )


async def quiet(made: Rig) -> None:
    """Wait until the venues have forgotten the warm-up, and the engine has nothing of it left in hand."""
    await asyncio.sleep(LONGEST_WINDOW_S)
    last = -1.0
    while (now := sum(made.cpu_s().values())) - last > RESTING_CPU_S * len(made.processes):
        last = now
        await asyncio.sleep(LOOK_S)


async def _idle_cpu(made: Rig) -> dict[str, float]:
    """Return the CPU seconds a second, by process, of the installation while nothing is sent."""
    before, started = made.cpu_s(), time.monotonic()
    await asyncio.sleep(IDLE_S)
    took_s = time.monotonic() - started
    return {name: (seconds - before[name]) / took_s for name, seconds in made.cpu_s().items()}


async def _webhooks_until_settled(made: Rig, signal_id: int) -> list[float]:
    """Post closes that nobody holds anything for, at a fixed rate whatever the answers take, and time them from their due moment."""
    settled = asyncio.create_task(made.settled(signal_id, SETTLE_TIMEOUT_S))
    posts: list[asyncio.Task[float]] = []
    due = time.perf_counter()
    while not settled.done():
        posts.append(asyncio.create_task(_timed_post(made, len(posts), due)))
        due += 1 / WEBHOOKS_PER_S
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    await settled
    return list(await asyncio.gather(*posts))


async def _timed_post(made: Rig, number: int, due: float) -> float:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    status, answer, _ = await made.post_signal(
        {"symbol": "SOLUSDT", "action": "CLOSE_SHORT", "price": 203.41, "timestamp": now, "id": f"bench-{number}"},
        source=IDLE_SOURCE,
    )
    if status != 202:
        raise RuntimeError(f"the webhook answered {status}: {answer}")
    return (time.perf_counter() - due) * 1000


async def _times(made: Rig, signal_id: int) -> dict[str, Any]:
    connection = await connect(made.dsn, name="bench")
    try:
        row = await connection.fetchrow(
            """SELECT count(*) FILTER (WHERE result = 'ordered' AND reason IS NULL) AS ordered, min(sent_ms) AS first_sent_ms,
                      percentile_cont(0.5) WITHIN GROUP (ORDER BY acked_ms) AS acked_p50_ms,
                      percentile_cont(0.99) WITHIN GROUP (ORDER BY acked_ms) AS acked_p99_ms, max(acked_ms) AS acked_last_ms,
                      percentile_cont(0.99) WITHIN GROUP (ORDER BY protected_ms) AS protected_p99_ms
               FROM outcome WHERE signal_id = $1""",
            signal_id,
        )
        assert row is not None
        return dict(row)
    finally:
        await connection.close()


def quantile(values: list[float], share: float) -> float:
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def row(name: str, value: float, unit: str, goal: str, *, met: bool, how: str) -> Row:
    return {"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "met": met, "how": how}


def rows_at_1k(one: FanOut, ccxt_us: float) -> list[Row]:
    """Return the rows that the measurement over 1,000 accounts fills."""
    parts = ", ".join(f"{name} {us:.0f}" for name, us in one.cpu_us.items())
    return [
        row(
            "path_cpu_per_account",
            one.path_cpu_us / 1000,
            "ms",
            f"< {ccxt_us / 1000:.2f} (one CCXT create_order here); aim 0.3",
            met=one.path_cpu_us < ccxt_us,
            how=f"CPU of engine, API and Postgres over a fan-out of {one.accounts} (the median one of {one.rounds}), an account "
            f"({parts} us), less "
            f"{one.idle_cpu_us:.0f} us of the idle installation over the same time; the simulator's {one.simulator_cpu_us:.0f} us "
            f"are not in it",
        ),
        row(
            "fanout_1k",
            one.acked_p99_ms,
            "ms",
            "p99 < 500; first entry within 30",
            met=one.acked_p99_ms < 500 and one.first_sent_ms <= 30 and one.ordered == one.accounts,
            how=f"signal received to entry acknowledged, p99 of {one.accounts} (p50 {one.acked_p50_ms:.0f}, last "
            f"{one.acked_last_ms:.0f}, first sent {one.first_sent_ms:.0f}); p99 protected {one.protected_p99_ms:.0f}; "
            f"{one.ordered} protected",
        ),
    ]


def rows_at_10k(ten: FanOut, one: FanOut) -> list[Row]:
    """Return the rows that the measurement over 10,000 accounts fills."""
    ratio = ten.path_cpu_us / one.path_cpu_us
    memory_kb = (ten.engine_mb - ten.engine_base_mb) * 1000 / ten.accounts
    return [
        row(
            "fanout_10k",
            ten.all_done_s,
            "s",
            "< 8, and CPU per account <= 1.2x that at 1,000",
            met=ten.all_done_s < 8 and ratio <= 1.2 and ten.ordered == ten.accounts,
            how=f"webhook posted to the last of {ten.accounts} accounts settled, {ten.ordered} protected; "
            f"{ten.path_cpu_us:.0f} us an account, {ratio:.2f}x that at {one.accounts}; simulator {ten.simulator_cpu_us:.0f} us",
        ),
        row(
            "memory_per_account",
            memory_kb,
            "KB",
            "<= 20 above a base <= 200 MB",
            met=memory_kb <= 20 and ten.engine_base_mb <= 200,
            how=f"engine's resident memory after two fan-outs over {ten.accounts} accounts ({ten.engine_mb:.0f} MB) less its base "
            f"before the first ({ten.engine_base_mb:.0f} MB)",
        ),
        row(
            "webhook_p95",
            ten.webhook_p95_ms,
            "ms",
            "p95 < 50",
            met=ten.webhook_p95_ms < 50,
            how=f"{ten.webhooks} webhooks at {WEBHOOKS_PER_S}/s, from their due moment, while a third fan-out over {ten.accounts} ran "
            f"(p50 {ten.webhook_p50_ms:.1f})",
        ),
    ]
