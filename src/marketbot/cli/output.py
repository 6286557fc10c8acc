"""What a command shows: one JSON value for programs, or text and tables for people; never both on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from marketbot.cli.failure import CommandFailed
from marketbot.domain.money import plain
from marketbot.domain.venue import Profile

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

BANNER = "SIMULATION: no real venue, no real money"
PIPE_WIDTH = 160
"""Columns of a table that goes to a file or a pipe, where nobody says how wide it may be."""


class Output:
    """Where one command writes. ``simulation`` marks everything it shows."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.simulation = False

    def mark(self, profile: Profile) -> None:
        """Say whose results are shown from now on."""
        self.simulation = profile is Profile.SIMULATION

    def show(self, values: Mapping[str, Any], human: Callable[[Console], None]) -> None:
        """Show a command's one result: ``values`` as an object, or whatever ``human`` prints."""
        if self.as_json:
            self.write(values)
            return
        console = self.console()
        self.banner(console)
        human(console)

    def write(self, values: Mapping[str, Any]) -> None:
        """Write one JSON object, always."""
        marked = {"simulation": True, **values} if self.simulation else dict(values)
        sys.stdout.write(orjson.dumps(marked, default=_json_value, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
        sys.stdout.flush()

    def banner(self, console: Console) -> None:
        if self.simulation:
            console.print(f"[bold black on yellow] {BANNER} [/]")

    def console(self, *, errors: bool = False) -> Console:
        from rich.console import Console

        stream = sys.stderr if errors else sys.stdout
        return Console(stderr=errors, highlight=False, width=None if stream.isatty() else PIPE_WIDTH)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Callable[[Console], None]:
        """Return a printer of one table; numbers are kept to the right."""
        from rich.table import Table

        table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        kept = [tuple(row) for row in rows]
        for index, column in enumerate(columns):
            numeric = bool(kept) and all(isinstance(row[index], int | Decimal | float) or row[index] is None for row in kept)
            table.add_column(column.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
        for row in kept:
            table.add_row(*(shown(value) for value in row))

        def print_table(console: Console) -> None:
            console.print(table)
            if not kept:
                console.print("(none)")

        return print_table

    def progress(self) -> Progress:
        """Return a progress bar on standard error; it stays silent where nobody looks."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = self.console(errors=True)
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def failed(self, failure: CommandFailed) -> None:
        """Say what went wrong: as an object on standard output, or as a sentence on standard error."""
        if self.as_json:
            self.write({"error": {"reason": failure.reason, "message": failure.message}})
        else:
            sys.stderr.write(f"{failure.message}\n")


def shown(value: object) -> str:
    """Return a cell's text."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S"))
    return str(value).replace("[", r"\[")


def _json_value(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, frozenset | set | tuple):
        return sorted(value, key=str)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
