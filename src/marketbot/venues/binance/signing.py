"""Sign a request as Binance wants it: HMAC-SHA256 over the query string, in the order sent.

developers.binance.com, USDS-margined futures, General Info, "SIGNED Endpoint Examples" (2026-05-28). Everything travels in the
query string, also of a POST: one string to format and to sign, and an empty body.
"""

from __future__ import annotations

from marketbot.domain.signer import Signer

RECV_WINDOW_MS = 5_000
"""A request older than this when it reaches the venue is refused, unexecuted."""


def signed_request(verb: str, path: str, query: str, *, host: str, api_key: str, signer: Signer, now_ms: int) -> bytes:
    """Return the whole HTTP request. ``query`` is already URL-safe, and empty or ended by ``&``."""
    query = f"{query}recvWindow={RECV_WINDOW_MS}&timestamp={now_ms}"
    signature = signer.sign(query.encode("ascii"))
    length = "" if verb == "GET" else "Content-Length: 0\r\n"
    return (
        f"{verb} {path}?{query}&signature={signature} HTTP/1.1\r\nHost: {host}\r\nX-MBX-APIKEY: {api_key}\r\n{length}\r\n"
    ).encode("ascii")


def public_request(path: str, *, host: str) -> bytes:
    """Return an unsigned GET."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("ascii")
