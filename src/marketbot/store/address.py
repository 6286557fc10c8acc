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


TLS_VARIABLE = "MARKETBOT_DATABASE_TLS"
TLS_WORDS = (SslMode.VERIFY_FULL, SslMode.VERIFY_CA, SslMode.DISABLE)


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


def tls_for(dsn: str) -> ssl.SSLContext | SslMode | None:
    """Return the TLS context to connect with, ``disable`` for none, or None to leave it to the DSN (servers on this machine).

    A server elsewhere is verified in full: chain and name. Less than that is taken only from the operator's own word in
    ``MARKETBOT_DATABASE_TLS`` (``verify-ca``, or ``disable`` for a private network), never from a connection string alone: those
    are copied from places that promise "sslmode=require".

    Raises: ValueError when the connection string asks for less, or the word is none of the three.
    """
    if is_local(dsn):
        return None
    query = _query(dsn)
    mode = _agreed_mode(query.get("sslmode") or os.environ.get("PGSSLMODE"), os.environ.get(TLS_VARIABLE))
    if mode is SslMode.DISABLE:
        return mode
    authority = query.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    context = ssl.create_default_context(cafile=None if authority in (None, "system") else authority)
    context.check_hostname = mode is SslMode.VERIFY_FULL
    certificate = query.get("sslcert") or os.environ.get("PGSSLCERT")
    if certificate:
        context.load_cert_chain(certificate, query.get("sslkey") or os.environ.get("PGSSLKEY"))
    return context


def _agreed_mode(asked: str | None, word: str | None) -> SslMode:
    """Return the mode that the connection string and the operator's word agree on; silence means verify-full."""
    if word and word not in TLS_WORDS:
        raise ValueError(f"{TLS_VARIABLE}={word} is not one of {', '.join(TLS_WORDS)}.")
    if asked and asked not in set(SslMode):
        raise ValueError(f"sslmode={asked} is not one of {', '.join(SslMode)}.")
    if asked == SslMode.VERIFY_FULL:
        return SslMode.VERIFY_FULL
    if word:
        return SslMode(word)
    if not asked:
        return SslMode.VERIFY_FULL
    raise ValueError(
        f"sslmode={asked} does not verify the database server in full, so somebody in between could read keys and orders; "
        "use sslmode=verify-full (with sslrootcert=FILE for a private authority), or say that less is meant with "
        f"{TLS_VARIABLE}=verify-ca, or {TLS_VARIABLE}=disable if the network to it is private."
    )


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
