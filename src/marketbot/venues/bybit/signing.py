"""Sign a request as Bybit wants it: HMAC-SHA256 over timestamp + key + recv_window + (query string | body), in headers.

bybit-exchange.github.io/docs/v5/guide, "Parameters for Authenticated Endpoints" (2026-07-24).
"""

from __future__ import annotations

from marketbot.domain.signer import Signer

RECV_WINDOW_MS = 5_000
"""A request older than this when it reaches the venue is refused, unexecuted."""


def signed_get(path: str, query: str, *, host: str, api_key: str, signer: Signer, now_ms: int) -> bytes:
    """Return the whole HTTP request of a signed read; ``query`` is already URL-safe."""
    signature = signer.sign(f"{now_ms}{api_key}{RECV_WINDOW_MS}{query}".encode("ascii"))
    mark = "?" if query else ""
    return (
        f"GET {path}{mark}{query} HTTP/1.1\r\nHost: {host}\r\nX-BAPI-API-KEY: {api_key}\r\nX-BAPI-TIMESTAMP: {now_ms}\r\n"
        f"X-BAPI-RECV-WINDOW: {RECV_WINDOW_MS}\r\nX-BAPI-SIGN: {signature}\r\n\r\n"
    ).encode("ascii")


def signed_post(path: str, body: bytes, *, host: str, api_key: str, signer: Signer, now_ms: int) -> bytes:
    """Return the whole HTTP request of a signed change; ``body`` is its JSON."""
    signature = signer.sign(f"{now_ms}{api_key}{RECV_WINDOW_MS}".encode("ascii") + body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nX-BAPI-API-KEY: {api_key}\r\nX-BAPI-TIMESTAMP: {now_ms}\r\n"
        f"X-BAPI-RECV-WINDOW: {RECV_WINDOW_MS}\r\nX-BAPI-SIGN: {signature}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode("ascii") + body


def public_get(path: str, query: str, *, host: str) -> bytes:
    """Return an unsigned GET."""
    mark = "?" if query else ""
    return f"GET {path}{mark}{query} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("ascii")
