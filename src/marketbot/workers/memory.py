"""Watches this process's resident memory: one that nears its bound ends in good order and is replaced, before the kernel kills it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from marketbot.observability import metrics

REPLACE_STATUS = 75
"""Exit status of a process that asks for a fresh one in its place (sysexits.h: a temporary failure). Nothing failed."""
NEAR = 0.9
"""Part of the bound from which on a process is replaced; draining takes some more."""
EVERY_S = 5.0
YOUNG_S = 60.0
"""A process is not replaced before: one that fills its bound at once would be replaced for ever, and do nothing else."""
MIB = 1024 * 1024

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096

log = structlog.get_logger(__name__)


def resident_bytes() -> int | None:
    """Return what this process holds of physical memory; None on a system that does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return None


class MemoryWatch:
    """Calls ``leave`` once, when memory has passed ``NEAR`` of the bound; ``status`` is what the process exits with then.

    Args:
        bound_mib: 0 means no bound.
        leave: begins the process's own way of ending in good order.
    """

    def __init__(
        self,
        bound_mib: int,
        leave: Callable[[], None],
        *,
        read: Callable[[], int | None] = resident_bytes,
        every_s: float | None = None,
        young_s: float | None = None,
    ) -> None:
        self._bound_bytes = bound_mib * MIB
        self._leave = leave
        self._read = read
        self._every_s = EVERY_S if every_s is None else every_s
        self._young_s = YOUNG_S if young_s is None else young_s
        self.is_full = False

    def __repr__(self) -> str:
        return f"<MemoryWatch bound={self._bound_bytes // MIB} MiB full={self.is_full}>"

    @property
    def status(self) -> int:
        return REPLACE_STATUS if self.is_full else 0

    async def run(self) -> None:
        """Look until the bound is near, or for ever."""
        metrics.set_memory_bound(self._bound_bytes)
        if not self._bound_bytes:
            return
        loop = asyncio.get_running_loop()
        started_s, told = loop.time(), False
        while True:
            held = self._read()
            if held is None:
                log.warning("memory_not_readable")
                return
            if held > self._bound_bytes * NEAR:
                if loop.time() - started_s >= self._young_s:
                    log.warning("memory_bound_near", resident_mib=held // MIB, bound_mib=self._bound_bytes // MIB)
                    self.is_full = True
                    self._leave()
                    return
                if not told:
                    told = True
                    log.error("memory_bound_too_low", resident_mib=held // MIB, bound_mib=self._bound_bytes // MIB)
            await asyncio.sleep(self._every_s)
