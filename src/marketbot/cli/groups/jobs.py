"""`marketbot jobs`: work that waits, and what was given up."""

from __future__ import annotations

from typing import Annotated

import typer

from marketbot.cli.options import DataDir, JobLimit, Json, Limit
from marketbot.cli.running import run_command

group = typer.Typer(help="Work that waits, and work that was given up.", no_args_is_help=True, rich_markup_mode=None)


@group.command("list")
def jobs_list(
    kind: Annotated[str | None, typer.Option(help="Of one kind; accounts' own jobs (balance) are shown only so.")] = None,
    limit: JobLimit = 100,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """What waits and runs, the longest due first."""
    from marketbot.cli.jobs import list_jobs

    run_command(json, data_dir, lambda output, settings: list_jobs(output, settings, limit, kind))


@group.command("dead")
def jobs_dead(limit: Limit = 100, json: Json = False, data_dir: DataDir = None) -> None:
    """Dead letters: what was given up, and why."""
    from marketbot.cli.jobs import list_dead

    run_command(json, data_dir, lambda output, settings: list_dead(output, settings, limit))


@group.command("retry")
def jobs_retry(job_id: Annotated[int, typer.Argument(min=1)], json: Json = False, data_dir: DataDir = None) -> None:
    """Let a dead letter begin anew, now."""
    from marketbot.cli.jobs import retry_job

    run_command(json, data_dir, lambda output, settings: retry_job(output, settings, job_id))


@group.command("drop")
def jobs_drop(job_id: Annotated[int, typer.Argument(min=1)], json: Json = False, data_dir: DataDir = None) -> None:
    """Forget a dead letter for ever."""
    from marketbot.cli.jobs import drop_job

    run_command(json, data_dir, lambda output, settings: drop_job(output, settings, job_id))
