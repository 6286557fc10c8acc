"""Ports to listen on that nobody else takes meanwhile: not the system's own choice, for it gives the same one to a client that dials."""

from __future__ import annotations

import os
import socket
from itertools import count

FIRST, LAST = 12_000, 32_000
"""Below those that systems give to clients (Linux: from 32,768 on)."""
STEP = 97
"""Test processes that began together have numbers that follow each other: so many ports lie between theirs."""

_tries = count(os.getpid() * STEP)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on; each is given once."""
    while True:
        port = FIRST + next(_tries) % (LAST - FIRST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
