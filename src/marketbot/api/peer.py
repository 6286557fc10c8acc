"""Who is calling. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

MAX_FORWARDED = 16
"""Hops read of an X-Forwarded-For header, from its near end."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def caller_address(peer: str, forwarded_for: str, trusted: tuple[Network, ...]) -> str:
    """Return the caller's address.

    A header is believed only as far as trusted proxies wrote it: from the near end, the first hop that is not one of them.
    """
    if not trusted or not forwarded_for:
        return peer
    address = peer
    for hop in [peer, *reversed([hop.strip() for hop in forwarded_for.split(",")[-MAX_FORWARDED:]])]:
        try:
            found = ipaddress.ip_address(hop)
        except ValueError:
            return address
        address = str(found)
        if not any(found in network for network in trusted):
            return address
    return address
