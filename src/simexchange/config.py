"""Say how a simulator is to run."""

from dataclasses import dataclass, field
from pathlib import Path

from simexchange.engine.vocabulary import Environment, Venue

Place = tuple[Venue, Environment]

DEFAULT_PORTS: dict[Place, int] = {
    (Venue.BINANCE, Environment.MAINNET): 18101,
    (Venue.BINANCE, Environment.TESTNET): 18102,
    (Venue.BYBIT, Environment.MAINNET): 18201,
    (Venue.BYBIT, Environment.TESTNET): 18202,
}
DEFAULT_CONTROL_PORT = 18100


@dataclass(frozen=True, slots=True)
class Config:
    """Where to listen and how true to be. Port 0 takes any free one; TLS needs a state directory."""

    host: str = "127.0.0.1"
    ports: dict[Place, int] = field(default_factory=dict)
    control_port: int = 0
    tls: bool = False
    state_dir: Path | None = None
    seed: int = 1
    limits_real: bool = True
    control_token: str = field(default="", repr=False)
    """Empty: a random one is made."""
