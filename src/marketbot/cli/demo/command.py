"""``marketbot demo``: play the story, hold the audit, and exit 0 only if it is clean."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketbot.audit.loading import run_audit
from marketbot.audit.report import Audit
from marketbot.cli.demo.logins import make_logins
from marketbot.cli.demo.population import DemoAccount, populate
from marketbot.cli.demo.screen import Screen
from marketbot.cli.demo.stage import Stage, put_up
from marketbot.cli.demo.story import EARLY_ACTS, LATER_ACTS, OPENING_ACTS, Act, Story
from marketbot.cli.output import Output
from marketbot.domain.venue import Profile
from marketbot.vault.vault import Vault

AUDIT_WAIT_S = 30.0
"""How long the last echoes (a stop's sibling, an order to be looked up) may take before the audit counts them."""
AUDIT_POLL_S = 0.5

FAULT_RULES: Sequence[dict[str, Any]] = (
    {"name": "hang", "kind": "accept_then_hang", "probability": 0.01},
    {"name": "lost", "kind": "accept_then_500", "probability": 0.01},
    {"name": "cut", "kind": "accept_then_reset", "probability": 0.01},
    {"name": "early cut", "kind": "reset_before_accept", "probability": 0.01},
    {"name": "busy", "kind": "definite_503", "probability": 0.01},
    {"name": "slow", "kind": "slow", "probability": 0.02, "delay_ms": 300},
    {"name": "late position", "kind": "position_not_visible", "probability": 0.02, "delay_ms": 500},
    {"name": "late order", "kind": "order_not_visible", "probability": 0.02, "delay_ms": 500},
    {"name": "no stop", "kind": "reject_stop", "probability": 0.005},
)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    accounts: int
    seed: int
    faults: bool
    keep: bool
    data_dir: Path | None
    stay: bool = False
    """Whether to go on after the audit, with the console open, until somebody ends it."""


async def run_demo(output: Output, options: DemoOptions) -> int:
    """Return 0 when the audit is clean; with ``stay``, once it is ended."""
    output.mark(Profile.SIMULATION)
    _end_on_sigterm()
    started = time.monotonic()
    with Screen(output) as screen:
        async with put_up(
            options.data_dir, seed=options.seed, keep=options.keep, progress=lambda words: screen.say(f"starting: {words}")
        ) as stage:
            population = populate(options.accounts, options.seed)
            logins = await make_logins(
                stage.store.connection,
                Vault.from_file(stage.supervisor.settings.vault_key_file),
                user_name=str(population[-1].wishes["user"]),
            )
            screen.keep(logins.lines(stage.endpoints.api_url))
            audit = await _perform(stage, screen, options, population)
            if options.keep:
                screen.say(f"kept: {stage.supervisor.settings.data_dir}")
            screen.verdict(audit)
            if options.stay:
                await _stay(screen, logins.lines(stage.endpoints.api_url))
    if output.as_json:
        output.write(
            {
                **audit.document(),
                "accounts": options.accounts,
                "seed": options.seed,
                "faults": options.faults,
                "took_s": round(time.monotonic() - started, 2),
            }
        )
    return 0 if audit.clean else 1


async def _perform(stage: Stage, screen: Screen, options: DemoOptions, population: list[DemoAccount]) -> Audit:
    story = Story(stage, screen)
    await story.set_up(population)
    if options.faults:
        await stage.control.add_faults(FAULT_RULES)
        screen.say(f"{len(FAULT_RULES)} kinds of faults are on")
    await _play_all(story, EARLY_ACTS)
    first, *rest = OPENING_ACTS
    await story.repeat(first)
    await story.send_bad_bodies()
    await _play_all(story, rest)
    await story.move_markets()
    await _play_all(story, LATER_ACTS)
    if options.faults:
        await stage.control.clear_faults()
    screen.say("comparing the venues' ledger with our database")
    return await _final_audit(stage)


async def _stay(screen: Screen, lines: list[str]) -> None:
    """Leave everything running, to be looked at, until Ctrl-C or SIGTERM: an end like any other."""
    screen.after([*lines, "Ctrl-C ends it and takes everything down."])
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


async def _play_all(story: Story, acts: Sequence[Act]) -> None:
    for act in acts:
        await story.play(act)


async def _final_audit(stage: Stage) -> Audit:
    deadline = time.monotonic() + AUDIT_WAIT_S
    while True:
        audit = await run_audit(stage.store.connection, stage.control)
        if audit.clean or time.monotonic() > deadline:
            return audit
        await asyncio.sleep(AUDIT_POLL_S)


def _end_on_sigterm() -> None:
    """Let SIGTERM and a closed terminal take everything down as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
