"""Where a wire leads: scheme, host and port of one venue in one environment."""

import ipaddress
from dataclasses import dataclass

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65_535


def is_loopback(host: str) -> bool:
    """Tell whether `host` names this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One pool key, together with the egress address.

    Plain `http` exists for exchange simulators on this machine only: signed requests never cross a network unencrypted.
    """

    scheme: str
    host: str
    port: int

    def __post_init__(self) -> None:
        if self.scheme not in DEFAULT_PORTS:
            raise ValueError(f"scheme must be http or https, not {self.scheme!r}")
        if not 0 < self.port <= MAX_PORT:
            raise ValueError(f"port {self.port} is out of range")
        if self.scheme == "http" and not is_loopback(self.host):
            raise ValueError(f"plain http is for loopback hosts only, not {self.host!r}")

    @property
    def encrypted(self) -> bool:
        return self.scheme == "https"

    @property
    def host_header(self) -> bytes:
        """Return the value of the `Host` field: the port is named only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}").encode("ascii")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"
