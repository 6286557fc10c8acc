"""Processes and their memory, out of /proc. On systems without it nothing is measured, and the report says so."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MAX_PROCESSES = 4_096
_MODULE = re.compile(r"(?:marketbot\.(?!supervisor\.tether)[a-z_.]+|simexchange)")


@dataclass(frozen=True, slots=True)
class Process:
    """``role`` is what the command line says it runs: supervisor, api, engine, simulator, postgres."""

    pid: int
    parent: int
    role: str
    command: str


def all_processes() -> list[Process]:
    """Return what can be read of every process; one that ends meanwhile is left out."""
    found = []
    for entry in sorted(PROC.glob("[0-9]*"))[:MAX_PROCESSES] if PROC.is_dir() else ():
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            # The name stands in parentheses and may hold spaces; the parent is the second field after it.
            parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        found.append(Process(int(entry.name), parent, role_of(command), command))
    return found


def role_of(command: str) -> str:
    """Return the role that a command line names; empty when it is none of ours."""
    if "simexchange" in command:
        return "simulator"
    if command.startswith("postgres:") or "/postgres " in command:
        return "postgres"
    modules: list[str] = _MODULE.findall(command)
    for module in modules:
        parts = module.split(".")
        if parts[1:2] == ["cli"]:
            return "supervisor"
        if len(parts) > 1:
            return parts[1]
    return "supervisor" if re.search(r"/marketbot up\b", command) else ""


def family(supervisor_pid: int, place: Path | None, processes: Iterable[Process]) -> list[Process]:
    """Return the supervisor, its descendants, and the database servers whose files lie at ``place``, with theirs.

    The embedded server outlives its supervisor, so it need not be a descendant.
    """
    every = list(processes)
    wanted = {supervisor_pid}
    if place is not None:
        wanted |= {each.pid for each in every if each.role == "postgres" and str(place) in each.command}
    grown = True
    while grown:
        more = {each.pid for each in every if each.parent in wanted} - wanted
        wanted |= more
        grown = bool(more)
    return [each for each in every if each.pid in wanted]


def memory_mb(pid: int) -> float | None:
    """Return a process's share of memory: pages shared with others count in part (PSS), so that a sum is a sum."""
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, ValueError, IndexError):
        return None


def machine_memory_share() -> float | None:
    """Return how much of the machine's memory is not available to a new program, 0 to 1."""
    try:
        rows = dict(line.split(":", 1) for line in (PROC / "meminfo").read_text().splitlines() if ":" in line)
        total, free = (int(rows[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (OSError, ValueError, KeyError, IndexError):
        return None
    return 1 - free / total if total else None
