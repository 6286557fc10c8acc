"""Where the running service answers: a small private file in the data directory that the command line reads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from marketbot.store.embedded.data_dir import write_private
from marketbot.supervisor.errors import SupervisorError

PROBE_TIMEOUT_S = 2.0
_HEAD_BYTES_MAX = 64


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses and process ids of one running service. ``simulator`` names the exchange's ready file, for a simulation."""

    supervisor_pid: int
    api_urls: Sequence[str]
    engine_urls: Sequence[str]
    egress_addresses: Sequence[str] = field(default=(), repr=False)
    """As the setting spells them, the proxies' passwords too: the file is for its owner alone."""
    simulator: str | None = None
    front_door: str | None = None

    @property
    def api_url(self) -> str:
        """The front door, or else the first process of the HTTP face: any will do."""
        return self.front_door or self.api_urls[0]

    @property
    def simulator_ready_file(self) -> Path | None:
        return None if self.simulator is None else Path(self.simulator)

    @staticmethod
    def file(data_dir: Path) -> Path:
        return data_dir / "service.json"

    def write(self, data_dir: Path) -> None:
        write_private(self.file(data_dir), orjson.dumps(asdict(self)).decode())

    @classmethod
    def read(cls, data_dir: Path) -> Endpoints | None:
        """Return what a running service left, or None. It may be stale: ask the address."""
        try:
            document: dict[str, Any] = orjson.loads(cls.file(data_dir).read_bytes())
            return cls(**document)
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def remove(cls, data_dir: Path) -> None:
        cls.file(data_dir).unlink(missing_ok=True)


async def answers(host: str, port: int, path: str) -> bool:
    """Tell whether a plain HTTP GET of ``path`` is answered with 200."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                head = await reader.read(_HEAD_BYTES_MAX)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200"))


def ports(host: str, first: int, count: int) -> list[int]:
    """Return ``count`` ports, one after the other from ``first``; any that are free when that is 0."""
    if first:
        return [first + number for number in range(count)]
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port(host))
    return sorted(found)


def refuse_taken(host: str, numbers: Sequence[int]) -> None:
    """Refuse ports that somebody listens on. A process and its successor share one, so the system no longer would.

    Raises:
        SupervisorError: which one.
    """
    for number in numbers:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError as error:
                raise SupervisorError(f"Port {number} of {host} cannot be used: {error.strerror or error}.") from error


def free_port(host: str) -> int:
    """Return a port that nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
