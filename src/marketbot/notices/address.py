"""Where a notice may be sent: https addresses on the public internet, whatever a name resolves to at the moment of dialling. Pure.

Users choose these addresses, and our processes dial them from inside our network: without these rules a user could have us speak to
machines that only we can reach.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MAX_URL_CHARS = 500
HTTPS_PORT = 443

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: an IPv4 address stands in its last 32 bits."""


class HookInvalid(ValueError):
    """The address cannot be used; the text says why and never quotes it, for its path may be a secret."""


@dataclass(frozen=True, slots=True)
class Hook:
    """An address to post to. ``target`` (path and query) may hold the receiver's secret and is not shown."""

    host: str
    port: int
    target: str = field(repr=False)

    @classmethod
    def parse(cls, url: str, *, loopback: bool = False) -> Hook:
        """Read ``https://host[:port]/path``.

        Raises:
            HookInvalid: it is anything else, or names an address that is not public (``loopback``: this machine's own are allowed).
        """
        if not 0 < len(url) <= MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url:
            raise HookInvalid(f"an address has at most {MAX_URL_CHARS} printable ASCII characters and no spaces")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise HookInvalid("it is no https address") from None
        if parts.scheme != "https" or not host:
            raise HookInvalid("an address is https, and names a host")
        if "@" in parts.netloc or parts.fragment:
            raise HookInvalid("an address carries neither a user nor a fragment")
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            literal = None
        if literal is not None and not may_dial(literal, loopback=loopback):
            raise HookInvalid("the address is not on the public internet")
        if port == 0:
            raise HookInvalid("port 0 is no port")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(host, HTTPS_PORT if port is None else port, target)

    @property
    def authority(self) -> str:
        """Return what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS_PORT else f"{host}:{self.port}"


def may_dial(address: Address, *, loopback: bool = False) -> bool:
    """Tell whether an address is a public one; an IPv4 address that hides in an IPv6 one counts as what it is."""
    if isinstance(address, ipaddress.IPv6Address):
        hidden = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if hidden is None and address in _NAT64:
            hidden = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if hidden is not None:
            return may_dial(hidden, loopback=loopback)
        if address.scope_id is not None or address.is_site_local:
            return False
    if address.is_loopback:
        return loopback
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified
