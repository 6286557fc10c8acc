"""HAProxy's configuration for our API processes, made from what this installation is. Pure but for the template, which is read once.

The rules and their reasons stand in ``front_door.cfg`` beside this file; here are its numbers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from marketbot.domain.errors import MarketBotError

APIS_MAX = 64
MAX_CONNECTIONS = 20_000
FILES_PER_CONNECTION = 2
FILES_RESERVED = 200
ADDRESSES_MAX = 200_000
"""Addresses remembered; about 100 bytes each. The oldest are forgotten first."""
REQUESTS_PER_10S = 500
"""From one address. A page of ours asks about twice a second, and a hundred people may share an office's address at lunch."""
CONNECTIONS_PER_ADDRESS = 400
"""Open at once from one address: HTTP/1.1 needs one for every stream of events and one or two for the rest."""
BODY_BYTES_MAX = 64 * 1024
"""What the API reads of a body (``intake.document.MAX_BODY_BYTES``); a test compares the two."""
IN_HAND_MAX = 128
"""Short requests that one API has in hand; the others wait here, where they cost next to nothing."""
STREAMS_MAX = 6_000
"""Streams of one API, as many as it takes (``api.shedding.MAX_STREAMS``; a test compares the two)."""
TRUSTED_LOCAL = "127.0.0.1/32"
TEMPLATE = Path(__file__).with_name("front_door.cfg")
LOG_STDOUT = "log stdout format raw local0 info"
LOG_STDERR = "log stderr format raw local0 info"

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_ADDRESS = re.compile(r"(?:(?P<v6>\[[0-9A-Fa-f:.]+\])|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_URL_PREFIX = "http://"


class FrontDoorError(MarketBotError):
    """The front door cannot be made so; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port. An empty host means every address, and is for listening only."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read ``HOST:PORT``, ``:PORT`` or ``[IPV6]:PORT``.

        Raises:
            FrontDoorError: it is none, or would mean something else in the configuration.
        """
        match = _ADDRESS.fullmatch(text)
        if match is None or not 0 < int(match["port"]) <= 65_535:
            raise FrontDoorError(f"{text!r} is not HOST:PORT.")
        host = match["host"] or ""
        if match["v6"]:
            host = match["v6"][1:-1]
            try:
                ipaddress.IPv6Address(host)
            except ValueError:
                raise FrontDoorError(f"{text!r} is not [IPV6]:PORT.") from None
        elif host and not _HOST.fullmatch(host):
            raise FrontDoorError(f"{text!r} is not HOST:PORT.")
        return cls(host, int(match["port"]))

    @classmethod
    def of_url(cls, text: str) -> Place:
        """Read an API's address, ``http://HOST:PORT``: between the door and the APIs there is no TLS."""
        if not text.startswith(_URL_PREFIX):
            raise FrontDoorError(f"{text!r} is not http://HOST:PORT.")
        place = cls.parse(text.removeprefix(_URL_PREFIX).removesuffix("/"))
        if not place.host:
            raise FrontDoorError(f"{text!r} names no host.")
        return place

    def __str__(self) -> str:
        """As HAProxy writes it: every address is ``:PORT``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """What the configuration depends on."""

    listen: Place
    apis: Sequence[Place]
    max_connections: int = MAX_CONNECTIONS
    requests_per_10s: int = REQUESTS_PER_10S
    connections_per_address: int = CONNECTIONS_PER_ADDRESS
    trusted: str = TRUSTED_LOCAL
    """What the APIs have to set MARKETBOT_TRUSTED_PROXIES to: a remark."""
    log: str = LOG_STDOUT


def render(door: FrontDoor) -> str:
    """Return the whole configuration.

    Raises:
        FrontDoorError: there is no API, there are too many, one is named twice, or a bound is not positive.
    """
    if not 0 < len(door.apis) <= APIS_MAX:
        raise FrontDoorError(f"A front door needs from 1 to {APIS_MAX} APIs.")
    if len(set(door.apis)) < len(door.apis):
        raise FrontDoorError("An API is named twice.")
    if door.listen in door.apis:
        raise FrontDoorError(f"The front door cannot listen at {door.listen}: an API does.")
    if min(door.max_connections, door.requests_per_10s, door.connections_per_address) < 1:
        raise FrontDoorError("A bound of the front door is not positive.")
    names = [f"api{number}" for number in range(1, len(door.apis) + 1)]
    return Template(TEMPLATE.read_text()).substitute(
        listen=str(door.listen),
        log=door.log,
        trusted=door.trusted,
        max_connections=door.max_connections,
        addresses_max=ADDRESSES_MAX,
        connections_per_address=door.connections_per_address,
        requests_per_10s=door.requests_per_10s,
        body_bytes_max=BODY_BYTES_MAX,
        in_hand_max=IN_HAND_MAX,
        streams_max=STREAMS_MAX,
        checked="\n".join(f"    server {name} {place}" for name, place in zip(names, door.apis, strict=True)),
        tracked="\n".join(
            f"    server {name} {place} track webhook/{name}" for name, place in zip(names, door.apis, strict=True)
        ),
    )


def connections_for(file_limit: int) -> int:
    """Return how many connections a process with so many file descriptors can hold, at most MAX_CONNECTIONS."""
    return max(1, min(MAX_CONNECTIONS, (file_limit - FILES_RESERVED) // FILES_PER_CONNECTION))
