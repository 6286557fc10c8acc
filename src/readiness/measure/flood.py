"""How others fare while one address floods the door and slow senders hold connections."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from readiness.load.generator import Plan, run_load
from readiness.load.result import LoadResult
from readiness.measure.front import TOO_MANY
from readiness.measure.storm import READY
from readiness.measurement import Measurement, measured, unmeasured

FLOOD_PER_S = 2_000.0
FLOOD_S = 5.0
START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 60.0
NAMES = ("flood_others_p95_ms", "flood_refused_share", "limit_per_address")


@dataclass(frozen=True, slots=True)
class Storm:
    """What the flood's own process told."""

    requests: int
    statuses: Mapping[int, int]
    slow: int
    seconds: float = FLOOD_S


async def flood(
    quiet: Plan,
    path: str,
    *,
    source: str | None,
    slow_sources: Sequence[str] = (),
    per_s: float = FLOOD_PER_S,
    seconds: float = FLOOD_S,
) -> list[Measurement]:
    """Send what nobody may send, fast and from one address, while others ask as always."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "readiness.measure.storm", quiet.target.url, path, str(per_s), str(seconds),
        source or "", ",".join(slow_sources),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            if await process.stdout.readline() != READY:
                return [unmeasured(name, "flood_failed") for name in NAMES]
        process.stdin.write(b"\n")
        calm = replace(quiet, duration_s=seconds, scenario=replace(quiet.scenario, stream="", webhook=None, signals_per_s=0.0))
        others = await run_load(calm)
        async with asyncio.timeout(END_TIMEOUT_S):
            told = orjson.loads(await process.stdout.readline())
            await process.wait()
    except (TimeoutError, orjson.JSONDecodeError):
        return [unmeasured(name, "flood_failed") for name in NAMES]
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    statuses = {int(status): int(count) for status, count in told["statuses"].items()}
    return flood_measurements(others, Storm(told["requests"], statuses, told["slow"], seconds))


def flood_measurements(others: LoadResult, storm: Storm) -> list[Measurement]:
    """Pure."""
    latency = others.latency()
    if not latency.count:
        return [unmeasured(name, "flood_alone") for name in NAMES]
    told = {
        "flooded": storm.requests,
        "seconds": storm.seconds,
        "others": others.count,
        "slow": storm.slow,
        "failed": others.failed,
    }
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(storm.statuses.items())) or "-"
    refused = storm.statuses.get(TOO_MANY, 0)
    caught = sum(kind.statuses[TOO_MANY] for kind in others.kinds.values())
    return [
        measured("flood_others_p95_ms", latency.quantile_s(0.95) * 1_000, "ms", "flood", **told),
        measured("flood_refused_share", refused / max(1, storm.requests), "share", "flood_answers", answers=answers),
        measured("limit_per_address", refused > 0 and not caught, "yes", "limit_address", refused=refused, caught=caught),
    ]
