"""The mail server of an installation, read from ``smtp://user:password@host:port`` or ``smtps://...``. Pure.

``smtps`` speaks TLS from the first byte, ``smtp`` turns to it with STARTTLS and goes no further where that fails. Certificates are
verified. This machine's own addresses alone may be spoken to in clear, and with a certificate that nobody vouches for.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

MAX_URL_CHARS = 1_024
SUBMISSION_PORT = 587
SUBMISSIONS_PORT = 465


class Tls(StrEnum):
    IMPLICIT = "implicit"
    START = "start"
    NONE = "none"


class MailServerInvalid(ValueError):
    """The address of the mail server cannot be used. Never shows it."""


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    tls: Tls
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_loopback(self) -> bool:
        return _is_loopback(self.host)

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """Read the setting.

        Raises:
            MailServerInvalid: what is wrong with it.
        """
        if len(url) > MAX_URL_CHARS:
            raise MailServerInvalid(f"it has more than {MAX_URL_CHARS} characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise MailServerInvalid("it is not an address") from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise MailServerInvalid("it begins with smtp:// or smtps:// and names a host")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise MailServerInvalid("it ends with the host or its port")
        if (parts.username is None) != (parts.password is None):
            raise MailServerInvalid("it has a user and a password, or neither")
        if parts.scheme == "smtps":
            tls = Tls.IMPLICIT
        else:
            tls = Tls.NONE if _is_loopback(parts.hostname) else Tls.START
        default = SUBMISSIONS_PORT if tls is Tls.IMPLICIT else SUBMISSION_PORT
        return cls(
            parts.hostname,
            default if port is None else port,
            tls,
            None if parts.username is None else unquote(parts.username),
            None if parts.password is None else unquote(parts.password),
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
