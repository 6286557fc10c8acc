"""A way out to the venues: an address of this machine, or a proxy. Its credentials are shown to nobody."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, unquote, urlsplit

MAX_TEXT = 1_024
MAX_CREDENTIAL_BYTES = 255
"""What SOCKS5 has room for (RFC 1929)."""
MAX_PORT = 65_535


class EgressKind(StrEnum):
    ADDRESS = "address"
    """A source address that this machine has: sockets are bound to it."""
    HTTP_PROXY = "http"
    """A proxy that is asked to CONNECT."""
    SOCKS5_PROXY = "socks5"


@dataclass(frozen=True, slots=True)
class Egress:
    """``str`` and ``repr`` leave the credentials out; ``spelled`` has them. ``port`` is 0 for an address."""

    kind: EgressKind
    host: str
    port: int = 0
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Egress:
        """Read ``203.0.113.7``, ``http://[user:pw@]host:port`` or ``socks5://[user:pw@]host:port``; credentials are percent-encoded.

        Raises:
            ValueError: it is anything else. The message never quotes the text, which may hold a password.
        """
        if len(text) > MAX_TEXT:
            raise ValueError("an egress address is too long")
        if "://" not in text:
            try:
                return cls(EgressKind.ADDRESS, str(ipaddress.ip_address(text)))
            except ValueError:
                raise ValueError("an egress address is an IP address, http://host:port or socks5://host:port") from None
        parts = urlsplit(text)
        try:
            kind, port = EgressKind(parts.scheme), parts.port
        except ValueError:
            raise ValueError("a proxy is http://host:port or socks5://host:port") from None
        if (
            kind is EgressKind.ADDRESS
            or not parts.hostname
            or not port
            or parts.path not in ("", "/")
            or parts.query
            or parts.fragment
        ):
            raise ValueError("a proxy is http://host:port or socks5://host:port")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if any(len(each.encode()) > MAX_CREDENTIAL_BYTES or not each.isprintable() for each in (user, password)):
            raise ValueError("a proxy's user and password are printable and at most 255 bytes long")
        if bool(user) != bool(password) or ":" in user:
            raise ValueError("a proxy's credentials are user:password")
        return cls(kind, parts.hostname, port, user, password)

    @property
    def is_proxy(self) -> bool:
        return self.kind is not EgressKind.ADDRESS

    @property
    def spelled(self) -> str:
        """Return what ``parse`` reads, credentials and all: for a child's environment and for nothing that anybody sees."""
        if not self.user:
            return str(self)
        credentials = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
        return str(self).replace("://", f"://{credentials}", 1)

    def __str__(self) -> str:
        if not self.is_proxy:
            return self.host
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind.value}://{host}:{self.port}"
