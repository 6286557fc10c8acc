"""Read a connection string: is the server on this machine, and how is its certificate verified."""

from __future__ import annotations

import ipaddress
import os
import ssl
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit


class SslMode(StrEnum):
    """libpq's modes (https://www.postgresql.org/docs/current/libpq-ssl.html)."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


def hosts(dsn: str) -> list[str]:
    """Return the hosts of a DSN as libpq would see them; a directory is a unix socket."""
    parts = urlsplit(dsn)
    asked = _query(dsn).get("host")
    if asked is None:
        netloc = unquote(parts.netloc.rsplit("@", 1)[-1])
        asked = ",".join(_without_port(item) for item in netloc.split(",") if item)
    return [host for host in (asked or os.environ.get("PGHOST", "")).split(",") if host]


def is_local(dsn: str) -> bool:
    """Tell whether every host is a unix socket or loopback, so that nothing leaves this machine."""
    return all(_is_local_host(host) for host in hosts(dsn))


def tls_for(dsn: str) -> ssl.SSLContext | None:
    """Return the TLS context to connect with, or None to leave it to the DSN (local servers, or `disable`).

    A server elsewhere is verified in full (chain and name) unless the DSN says otherwise. `disable` is taken as the
    operator's word that the network is private. What looks safe and is not is refused.

    Raises: ValueError for `require`, `prefer` and `allow` with a server elsewhere: they encrypt to whoever answers.
    """
    if is_local(dsn):
        return None
    query = _query(dsn)
    asked = query.get("sslmode") or os.environ.get("PGSSLMODE") or SslMode.VERIFY_FULL
    try:
        mode = SslMode(asked)
    except ValueError:
        raise ValueError(f"sslmode={asked} is not one of {', '.join(SslMode)}.") from None
    if mode is SslMode.DISABLE:
        return None
    if mode in (SslMode.ALLOW, SslMode.PREFER, SslMode.REQUIRE):
        raise ValueError(
            f"sslmode={mode} does not verify the database server, so anybody in between could read keys and orders; "
            "use sslmode=verify-full (with sslrootcert=FILE for a private authority), or sslmode=disable if the "
            "network to it is private."
        )
    authority = query.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    context = ssl.create_default_context(cafile=None if authority in (None, "system") else authority)
    context.check_hostname = mode is SslMode.VERIFY_FULL
    certificate = query.get("sslcert") or os.environ.get("PGSSLCERT")
    if certificate:
        context.load_cert_chain(certificate, query.get("sslkey") or os.environ.get("PGSSLKEY"))
    return context


def _query(dsn: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(dsn).query).items()}


def _without_port(item: str) -> str:
    if item.startswith("["):
        return item[1:].split("]", 1)[0]
    return item.rsplit(":", 1)[0] if ":" in item else item


def _is_local_host(host: str) -> bool:
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
