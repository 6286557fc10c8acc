"""Which work is given up first when a process is full: reads, then commands, then what brings money to safety or signals in."""

from __future__ import annotations

from enum import StrEnum


class LoadClass(StrEnum):
    """What a request is to us. A route says so itself; otherwise its method does."""

    READ = "read"
    COMMAND = "command"
    URGENT = "urgent"
    """Webhooks, and commands that reduce risk: halt, close, pause. Shed last."""
    STREAM = "stream"
    """Live events: open for long and idle for most of it, so they have a bound of their own."""
    UNCOUNTED = "uncounted"
    """Health and metrics, which must answer above all when everything else is full."""
