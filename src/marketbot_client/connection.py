"""How the server is reached. Shared by both clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from marketbot_client.problem import Unreachable
from marketbot_client.stream import StreamReader

CONNECTIONS_MAX = 20
"""Of one client."""
SILENCE_MAX_S = 45.0
"""A stream gives a sign of life every 15 s; after three missed ones it is taken for broken."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the server is and who asks."""

    base_url: str
    token: str | None = field(repr=False)
    language: str
    timeout_s: float

    def of_httpx(self) -> dict[str, Any]:
        """Return what both of httpx's clients are made with. Redirects are not followed: a token goes nowhere else."""
        headers = {"Accept-Language": self.language, "User-Agent": "marketbot-client"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
        return {"base_url": self.base_url, "headers": headers, "timeout": self.timeout_s, "limits": limits}

    def stream_timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self.timeout_s, read=SILENCE_MAX_S)


def of_stream(reader: StreamReader) -> dict[str, str]:
    """Return the headers that ask for a stream, from where its reader is."""
    headers = {"Accept": "text/event-stream"}
    return {**headers, "Last-Event-ID": reader.last_event_id} if reader.last_event_id else headers


def unreachable(error: httpx.TransportError) -> Unreachable:
    """Tell whether a request that failed may have arrived."""
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return Unreachable(f"no answer came ({type(error).__name__})", sent=not never_sent)
