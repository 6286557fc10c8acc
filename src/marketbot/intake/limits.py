"""What a source may send, over all and from one address. Only callers with a valid secret are counted.

What it guards is the planner's work, not money: every signal it lets through still meets deduplication and the accounts' own limits.
"""

from __future__ import annotations

import ipaddress

from marketbot.domain.ids import SourceId
from marketbot.domain.limits import Check, source_address_limit, source_limit

IPV6_PREFIX = 64
"""One sender commands a whole /64, so it is one address here."""


def source_checks(source_id: SourceId, address: str, signals_per_hour: int) -> list[Check]:
    """Return the limits that one signal of a source is taken from."""
    return [
        Check(source_address_limit(signals_per_hour), f"{source_id}:{sender(address)}"),
        Check(source_limit(signals_per_hour), str(source_id)),
    ]


def sender(address: str) -> str:
    """Return what stands for a sender: the address, or the network that one IPv6 sender commands."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], IPV6_PREFIX), strict=False))
    except ValueError:
        return address
