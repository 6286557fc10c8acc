"""``marketbot readiness``: have the system looked at from outside, and show the report. Exit 0 when it says ready."""

from __future__ import annotations

import asyncio
import io
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import orjson
from rich.console import Console

from marketbot.api.operator_token import operator_token
from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import PIPE_WIDTH, Output
from marketbot.cli.readiness import catalogue
from marketbot.cli.store_session import open_store
from marketbot.domain.venue import Profile
from marketbot.settings import Settings
from marketbot.store.readiness_reports import keep_report
from marketbot.supervisor.endpoints import Endpoints
from readiness.course import course
from readiness.criteria import criteria
from readiness.findings import Findings
from readiness.isolated.errors import RunFailed
from readiness.isolated.run import RunOptions, examine_isolated
from readiness.language import Language, Texts, texts
from readiness.live import Installed, examine_live
from readiness.load.target import TargetRefused, target
from readiness.render.html import html
from readiness.render.markdown import markdown
from readiness.render.terminal import show
from readiness.report import Report, build, document, percent

FORMATS = ("terminal", "json", "markdown", "html")
MAX_ACCOUNTS = 20_000


@dataclass(frozen=True, slots=True)
class ExaminationOptions:
    """``file`` takes the report instead of standard output, which then gets the verdict alone. ``keep``: leave the report of a throw-away
    installation in this one's database too; one about this installation is always kept.
    """

    isolated: bool
    users: int
    accounts: int
    minutes: float
    form: str
    file: Path | None
    lang: str
    prometheus: str | None = None
    keep: bool = False


async def run_readiness(output: Output, settings: Settings, options: ExaminationOptions) -> int:
    """Examine, score, show."""
    say = catalogue(options.lang)
    form = "json" if output.as_json else options.form
    if form not in FORMATS:
        raise CommandFailed(FailureReason.USAGE, f"--format takes {', '.join(FORMATS)}.", exit_code=EXIT_USAGE)
    _end_on_sigterm()
    errors = output.console(errors=True)
    tell: Callable[[str], None] = lambda step: errors.print(f"{say(f'progress.{step}')} ...", style="dim")  # noqa: E731
    try:
        findings = await (_isolated(options, tell) if options.isolated else _live(output, settings, options, tell))
    except TargetRefused as error:
        raise CommandFailed(FailureReason.USAGE, f"{error}.", exit_code=EXIT_USAGE) from error
    except (RunFailed, OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise CommandFailed(FailureReason.SERVICE_FAILED, f"The examination failed: {error or type(error).__name__}.") from error
    report = build(findings, criteria())
    await asyncio.to_thread(_deliver, output, report, say, form, options.file)
    if options.keep or not options.isolated:
        await _keep(settings, report)
    return 0 if report.ready else 1


async def _isolated(options: ExaminationOptions, tell: Callable[[str], None]) -> Findings:
    if not 4 <= options.accounts <= MAX_ACCOUNTS:
        raise CommandFailed(FailureReason.USAGE, f"--accounts lies between 4 and {MAX_ACCOUNTS}.", exit_code=EXIT_USAGE)
    return await examine_isolated(RunOptions(options.users, options.accounts, options.minutes), tell)


async def _live(output: Output, settings: Settings, options: ExaminationOptions, tell: Callable[[str], None]) -> Findings:
    endpoints = Endpoints.read(settings.data_dir)
    if endpoints is None:
        raise CommandFailed(
            FailureReason.SERVICE_NOT_RUNNING, "The service does not run here: start `marketbot up`, or examine with --isolated."
        )
    async with open_store(settings) as store:
        output.mark(store.profile)
        where = Installed(
            target(endpoints.api_url),
            [target(url) for url in endpoints.api_urls],
            [target(url) for url in endpoints.engine_urls],
            operator_token(settings),
            store.dsn,
            endpoints.supervisor_pid,
            settings.data_dir,
            max(1, len(endpoints.egress_addresses)),
            None if options.prometheus is None else target(options.prometheus),
        )
        return await examine_live(where, users=options.users, minutes=options.minutes, say=tell)


async def _keep(settings: Settings, report: Report) -> None:
    """Leave the report where the console shows it, in both languages."""
    spoken = {language.value: texts(language) for language in Language}
    drawn = {"course": course(report.findings)}
    documents = {name: document(report, say) | drawn for name, say in spoken.items()}
    pages = {name: html(report, say) for name, say in spoken.items()}
    async with open_store(settings) as store:
        await keep_report(store.connection, documents, pages)


def _deliver(output: Output, report: Report, say: Texts, form: str, file: Path | None) -> None:
    if report.findings.isolated:
        output.mark(Profile.SIMULATION)
    if file is None:
        if form == "json":
            output.write(document(report, say))
        elif form == "terminal":
            show(output.console(), report, say)
        else:
            sys.stdout.write(html(report, say) if form == "html" else markdown(report, say))
        return
    try:
        file.write_text(_written(report, say, form), encoding="utf-8")
    except OSError as error:
        raise CommandFailed(FailureReason.FILE_INVALID, f"{file} cannot be written: {error.strerror}.") from error
    verdict = {"ready": report.ready, "readiness": round(report.score.total, 4), "report": str(file)}
    mark = say("report.ready" if report.ready else "report.not_ready")
    output.show(verdict, lambda console: console.print(f"{mark}: {percent(report.score.total, say)}. {file}", markup=False))


def _written(report: Report, say: Texts, form: str) -> str:
    match form:
        case "json":
            return orjson.dumps(document(report, say), option=orjson.OPT_INDENT_2).decode() + "\n"
        case "html":
            return html(report, say)
        case "markdown":
            return markdown(report, say)
        case _:
            page = io.StringIO()
            show(Console(width=PIPE_WIDTH, file=page, highlight=False), report, say)
            return page.getvalue()


def _end_on_sigterm() -> None:
    """Let SIGTERM and a closed terminal take everything down as Ctrl-C does."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
