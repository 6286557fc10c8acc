"""A demo's terminal: a live picture where somebody looks, plain lines where nobody does, nothing in JSON. SIMULATION always."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from marketbot.cli.demo.readings import Reading
from marketbot.cli.output import BANNER, Output

if TYPE_CHECKING:
    from marketbot.audit.report import Audit

LINES_SHOWN = 8
REASONS_SHOWN = 9
REFRESHES_PER_S = 8
BAR_WIDTH = 30
_LANE_NAMES = ("0 risk-reducing", "1 mainnet entries", "2 testnet entries")
_STAGE_NAMES = {
    "received_to_claimed": "received -> claimed",
    "claimed_to_sent": "claimed -> sent",
    "sent_to_acked": "sent -> acknowledged",
    "acked_to_protected": "acknowledged -> protected",
    "received_to_protected": "received -> protected",
}


class Screen:
    """Told of what happens; shows it as the place allows."""

    def __init__(self, output: Output) -> None:
        self._silent = output.as_json
        self._console: Console = output.console()
        self._live = (
            Live(console=self._console, refresh_per_second=REFRESHES_PER_S, transient=True)
            if self._console.is_terminal and not self._silent
            else None
        )
        self._kept: list[str] = []
        self._lines: list[str] = []
        self._bar: tuple[str, int, int] | None = None
        self._reading = Reading()

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        elif not self._silent:
            self._console.print(BANNER)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str) -> None:
        """Tell of a step of the story."""
        self._lines.append(line)
        if self._live is not None:
            self._draw()
        elif not self._silent:
            self._console.print(line, markup=False)

    def keep(self, lines: list[str]) -> None:
        """Show lines for as long as the picture stands; nothing scrolls them away."""
        self._kept = lines
        if self._live is not None:
            self._draw()
        elif not self._silent:
            self.after(lines)

    def after(self, lines: list[str]) -> None:
        """Print lines for good, below everything."""
        if not self._silent:
            for line in lines:
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def bar(self, name: str, done: int, total: int) -> None:
        """Show long work's progress; ``total`` reached takes the bar away."""
        self._bar = (name, done, total) if done < total else None
        self._draw()

    def show(self, reading: Reading) -> None:
        """Show the latest look at the database."""
        self._reading = reading
        self._draw()

    def verdict(self, audit: Audit) -> None:
        """Print the audit, for good."""
        if self._live is not None:
            self._live.stop()
        if not self._silent:
            self._console.print(verdict_of(audit))

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self._picture())

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = [Text("\n".join([*self._kept, *self._lines[-LINES_SHOWN:]]))]
        if self._bar is not None:
            name, done, total = self._bar
            parts.append(_bars([(name, done, total, "")]))
        if self._reading.lanes:
            parts.append(
                _bars(
                    [
                        (_LANE_NAMES[lane.lane], lane.finished, lane.queued, f"{lane.protected} protected")
                        for lane in self._reading.lanes
                    ]
                )
            )
        if any(stage.get("count") for stage in self._reading.latency.values()):
            parts.append(_latency_table(self._reading.latency))
        if self._reading.reasons:
            parts.append(_reason_table(self._reading.reasons[:REASONS_SHOWN]))
        open_now = f"open positions: {self._reading.protected_positions} protected, {self._reading.other_positions} on the way"
        return Panel(Group(*parts), title=f"[bold black on yellow] {BANNER} [/]", subtitle=open_now, border_style="yellow")


def _bars(rows: list[tuple[str, int, int, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, done, total, remark in rows:
        table.add_row(name, ProgressBar(total=max(1, total), completed=done, width=BAR_WIDTH), f"{done}/{total}", remark)
    return table


def _latency_table(latency: dict[str, dict[str, float]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("latency, ms")
    for name in ("p50", "p95", "p99"):
        table.add_column(name, justify="right")
    for stage, name in _STAGE_NAMES.items():
        values = latency.get(stage, {})
        if values.get("count"):
            table.add_row(name, *(f"{values[quantile]:.0f}" for quantile in ("p50", "p95", "p99")))
    return table


def _reason_table(reasons: tuple[tuple[str, str, int], ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("not traded")
    table.add_column("reason")
    table.add_column("how many", justify="right")
    for became, reason, count in reasons:
        table.add_row(became, reason, str(count))
    return table


def verdict_of(audit: Audit) -> RenderableType:
    """Return the audit as it is printed at the end."""
    document = audit.document()
    counts = Table.grid(padding=(0, 3))
    counts.add_row("signals", str(audit.signals), "every follower of each was planned")
    counts.add_row("planned", str(audit.planned), "decisions: one per signal and account")
    counts.add_row("ordered", str(audit.ordered), "the venue has the order")
    for name in ("denied", "rejected", "lapsed"):
        reasons: dict[str, int] = getattr(audit, name)
        text = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
        counts.add_row(name, str(sum(reasons.values())), text)
    counts.add_row("refused", str(sum(audit.refused.values())), ", ".join(f"{k} {v}" for k, v in audit.refused.items()))
    for name in ("lost", "doubled", "unconfirmed", "naked", "long_unprotected", "foreign", "mismatched", "orphaned"):
        value = int(document[name])
        counts.add_row(name.replace("_", " "), Text(str(value), style="bold green" if value == 0 else "bold red"))
    counts.add_row(
        "unprotected",
        f"p99 {audit.unprotected_s_p99:.3f} s",
        f"max {audit.unprotected_s_max:.3f} s, over {audit.positions} positions",
    )
    parts: list[RenderableType] = [counts, _latency_table(audit.latency_ms)]
    parts += [Text(f"{finding.kind}: {finding.subject}", style="red") for finding in audit.findings]
    word = "[bold green]CLEAN[/]" if audit.clean else "[bold red]NOT CLEAN[/]"
    return Panel(Group(*parts), title=f"[bold black on yellow] {BANNER} [/]", subtitle=f"audit: {word}", border_style="yellow")
