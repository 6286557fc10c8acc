"""Which process this is, in words that another one on the same machine can check."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from marketbot.domain.egress import Egress
from marketbot.store.workers import Process

_PROC = Path("/proc")
_STARTED_FIELD = 19
"""Where a process's start is among the fields of /proc/PID/stat that follow its name (proc(5): field 22)."""


def this_process(roles: tuple[str, ...], egresses: tuple[int, ...]) -> Process:
    """Return what this process tells of itself."""
    pid = os.getpid()
    return Process(roles, secrets.token_hex(6), _place(), pid, _started(pid) or "", egresses)


def is_gone(place: str, pid: int, started: str) -> bool:
    """Tell whether that process has certainly ended. False where it cannot be known: on another machine, or in another container."""
    return bool(place) and place == _place() and _started(pid) != started


def _place() -> str:
    """Name this boot of this kernel and its table of processes."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Return when a process started, in the kernel's ticks; None when there is none, or only what is left of one."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[_STARTED_FIELD]


def ways_out(egress: Sequence[Egress | None]) -> tuple[int, ...]:
    """Return the numbers of those that this machine can send through; None is whatever the system picks."""
    return tuple(number for number, way in enumerate(egress) if way is None or way.is_proxy or _can_bind(way.host))


def _can_bind(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
