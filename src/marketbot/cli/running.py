"""Run one command's work: settings, an event loop, and its failure told the way the caller wants it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from marketbot.cli.failure import EXIT_FAILED, EXIT_INTERRUPTED, CommandFailed, FailureReason
from marketbot.cli.output import Output

if TYPE_CHECKING:
    from marketbot.settings import Settings

    Work = Callable[[Output, Settings], Awaitable[int | None]]


def run_command(as_json: bool, data_dir: Path | None, work: Work) -> None:
    """Run ``work`` to its end and leave with its exit code; None means 0."""
    output = Output(as_json=as_json)
    if data_dir is not None:
        os.environ["MARKETBOT_DATA_DIR"] = str(data_dir.expanduser().absolute())
    try:
        code = asyncio.run(_run(output, work))
    except CommandFailed as failure:
        output.failed(failure)
        raise typer.Exit(failure.exit_code) from None
    except (asyncio.CancelledError, KeyboardInterrupt):
        output.failed(CommandFailed(FailureReason.INTERRUPTED, "Interrupted."))
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read our output has had enough.
        os._exit(EXIT_FAILED)
    raise typer.Exit(code or 0)


async def _run(output: Output, work: Work) -> int | None:
    from marketbot.cli.store_session import read_settings
    from marketbot.observability.logs import configure_logs

    configure_logs(level="error", console=True)
    return await work(output, read_settings())
