"""``restart --rolling``: ask the running service to replace its processes, and tell how far it is."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.settings import Settings
from marketbot.supervisor.endpoints import Endpoints
from marketbot.supervisor.rolling import Restart, RestartState

SEEN_WITHIN_S = 10.0
"""A service that runs sees an order within a second; this is patience with a busy machine."""
STEP_WAIT_S = 180.0
"""The longest that one process may take: its drain, its end and the start of its successor."""
POLL_S = 0.1
NO_GAP_NEEDS_TWO = (
    "There is one API process and no other to take its place: it will be away for some seconds (up --api 2 --front-door)."
)


async def restart_rolling(output: Output, settings: Settings, *, rolling: bool) -> None:
    """Return once every process is new.

    Raises:
        CommandFailed: no service runs here, or a process did not come back.
    """
    if not rolling:
        raise CommandFailed(
            FailureReason.USAGE,
            "Say restart --rolling. To restart everything at once, stop `marketbot up` and start it.",
            exit_code=EXIT_USAGE,
        )
    running = Endpoints.read(settings.data_dir)
    if running is None:
        raise CommandFailed(FailureReason.SERVICE_NOT_RUNNING, f"No service runs in {settings.data_dir}.")
    console = output.console(errors=True)
    if len(running.api_urls) == 1:
        console.print(NO_GAP_NEEDS_TWO)
    asked = await asyncio.to_thread(Restart.ask, settings.data_dir)
    loop = asyncio.get_running_loop()
    seen = asked
    deadline = loop.time() + SEEN_WITHIN_S
    while seen.state in (RestartState.ASKED, RestartState.RUNNING):
        if loop.time() > deadline:
            await asyncio.to_thread(_give_up, settings, seen)
        await asyncio.sleep(POLL_S)
        now = await asyncio.to_thread(Restart.read, settings.data_dir)
        if now is None or now == seen:
            continue
        if now.order != asked.order:
            raise CommandFailed(FailureReason.UNFINISHED, "Another restart was asked for, or the service ended.")
        for name in now.done[len(seen.done) :]:
            console.print(f"restarted {name}")
        seen = now
        deadline = loop.time() + STEP_WAIT_S
    if seen.state is RestartState.FAILED:
        raise CommandFailed(FailureReason.SERVICE_FAILED, seen.sentence)
    output.show(asdict(seen), lambda shown: shown.print(f"{len(seen.done)} processes are new."))


def _give_up(settings: Settings, seen: Restart) -> None:
    if seen.state is RestartState.ASKED:
        Restart.forget(settings.data_dir)
        raise CommandFailed(
            FailureReason.SERVICE_NOT_RUNNING, f"The service of {settings.data_dir} does not run, or is older than this command."
        )
    raise CommandFailed(
        FailureReason.UNFINISHED, f"Not finished after {STEP_WAIT_S:.0f} s without news; done: {', '.join(seen.done) or 'none'}."
    )
