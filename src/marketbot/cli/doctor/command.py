"""Run every check and show what it found. Exit 1 when something is wrong."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from rich.console import Console

from marketbot.cli.doctor.finding import Finding, Level, advice, wrong
from marketbot.cli.doctor.machine import check_machine
from marketbot.cli.doctor.records import check_records
from marketbot.cli.doctor.running import as_running, check_service, check_venues
from marketbot.cli.doctor.shared_store import check_shared_store
from marketbot.cli.failure import CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.cli.store_session import egresses_of, open_store
from marketbot.settings import Settings

_STYLES = {Level.FINE: "green", Level.ADVICE: "yellow", Level.WRONG: "bold red"}


async def run_doctor(output: Output, settings: Settings) -> int:
    """Check everything; a check that cannot be made is a finding too."""
    findings = await asyncio.to_thread(lambda: list(check_machine(settings)))
    findings += [finding async for finding in check_service(settings)]
    findings += [finding async for finding in check_shared_store(settings)]
    findings += await _database(output, settings)
    sick = any(finding.level is Level.WRONG for finding in findings)
    output.show({"ok": not sick, "findings": [asdict(finding) for finding in findings]}, lambda console: tell(console, findings))
    return 1 if sick else 0


async def _database(output: Output, settings: Settings) -> list[Finding]:
    try:
        async with open_store(settings) as store:
            output.mark(store.profile)
            findings = [finding async for finding in check_records(store.connection, egresses_of(settings))]
            findings += [finding async for finding in check_venues(store.connection, as_running(settings, store.profile))]
            return findings
    except CommandFailed as failure:
        if failure.reason == FailureReason.NOTHING_HERE:
            return [advice("database", "There is none here yet.", "`marketbot up` makes it.")]
        todo = (
            "`marketbot up` brings it up to date."
            if failure.reason == FailureReason.STORE_OUTDATED
            else "See log/ below the data."
        )
        return [wrong("database", failure.message, todo)]


def tell(console: Console, findings: list[Finding]) -> None:
    for finding in findings:
        console.print(f"[{_STYLES[finding.level]}]{finding.level:<6}[/] {finding.check}: ", end="")
        console.print(finding.sentence, markup=False)
        if finding.todo:
            console.print(f"       -> {finding.todo}", markup=False)
    bad = sum(1 for finding in findings if finding.level is Level.WRONG)
    console.print("Nothing is wrong." if not bad else f"{bad} things are wrong.")
