"""What the address of a shared store may look like."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

SCHEMES = frozenset({"redis", "rediss", "unix"})
QUERY_NAMES = frozenset({"db", "ssl_ca_certs"})
"""What a URL may set. All other options of the client would weaken what is settled here, such as the check of certificates."""


def check_url(url: str) -> None:
    """Judge the address of a shared store.

    Raises:
        ValueError: it is none, or sets what may not be set. The text holds no part of the URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"the shared store's address begins with one of {', '.join(sorted(SCHEMES))}")
    strange = set(parse_qs(parts.query)) - QUERY_NAMES
    if strange:
        raise ValueError(f"the shared store's address may only set {', '.join(sorted(QUERY_NAMES))}")
