"""Put the exchanges together and let them listen."""

import random
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import Any

from simexchange.binance.face import BinanceFace
from simexchange.bybit.face import BybitFace
from simexchange.clock import Clock
from simexchange.config import Config, Place
from simexchange.control.face import CONTROL_BODY_BYTES_MAX, ControlFace
from simexchange.engine.catalogue import instruments
from simexchange.engine.ledger import Ledger
from simexchange.engine.market import Market
from simexchange.engine.vocabulary import Environment, Venue
from simexchange.faults import Faults
from simexchange.limits import LimitSettings
from simexchange.wire.listener import Listener
from simexchange.wire.tls import make_certificates
from simexchange.world import World

PLACES: tuple[Place, ...] = tuple((venue, environment) for venue in Venue for environment in Environment)


class Simulator:
    """The whole program: two venues with two environments each, and the control port."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self._token = self.config.control_token or secrets.token_urlsafe(24)
        self._listeners: dict[Place, Listener] = {}
        self._control: Listener | None = None
        self._own_dir: tempfile.TemporaryDirectory[str] | None = None
        self.ca_file: Path | None = None
        self.world = _make_world(self.config)

    async def start(self) -> "Simulator":
        """Listen on every port; returns itself."""
        tls = self._make_tls() if self.config.tls else None
        for place in PLACES:
            face = self.world.faces[place]
            listener = Listener(face.respond, upgrade=face.upgrade, tls=tls)
            await listener.start(self.config.host, self.config.ports.get(place, 0))
            self._listeners[place] = self.world.listeners[place] = listener
        control = ControlFace(self.world, self._token)
        self._control = Listener(control.respond, body_max=CONTROL_BODY_BYTES_MAX)
        await self._control.start(self.config.host, self.config.control_port)
        return self

    async def stop(self) -> None:
        """Stop listening and reset what is connected."""
        for listener in (*self._listeners.values(), *((self._control,) if self._control else ())):
            await listener.stop()
        if self._own_dir is not None:
            self._own_dir.cleanup()

    @property
    def urls(self) -> dict[str, dict[str, str]]:
        """Return the venues' base URLs by venue and environment."""
        return {
            venue.value: {environment.value: self._listeners[(venue, environment)].url for environment in Environment}
            for venue in Venue
        }

    @property
    def control_url(self) -> str:
        """Return the control port's base URL."""
        assert self._control is not None
        return self._control.url

    @property
    def control_token(self) -> str:
        """Return what the control port wants as bearer token."""
        return self._token

    def ready(self) -> dict[str, Any]:
        """Return what the ready line says."""
        return {
            "simulation": True,
            "control": self.control_url,
            "control_token": self._token,
            "ca_file": str(self.ca_file) if self.ca_file is not None else None,
            "venues": self.urls,
            "seed": self.world.seed,
        }

    def _make_tls(self) -> ssl.SSLContext:
        if self.config.state_dir is None:
            self._own_dir = tempfile.TemporaryDirectory(prefix="simexchange-")
        directory = self.config.state_dir or Path(self._own_dir.name if self._own_dir else ".")
        made = make_certificates(directory)
        self.ca_file = made.ca_file.resolve()
        return made.server_context()


def _make_world(config: Config) -> World:
    clock, ledger = Clock(), Ledger()
    limits = LimitSettings()
    if not config.limits_real:
        limits.turn_off()
    faults = Faults(random.Random(config.seed))  # noqa: S311 (a repeatable run, not a secret)
    world = World(config.seed, clock, ledger, faults, limits)
    for venue, environment in PLACES:
        market = Market(venue, environment, instruments(venue, config.seed), clock, ledger)
        world.markets[(venue, environment)] = market
        face = BinanceFace if venue is Venue.BINANCE else BybitFace
        world.faces[(venue, environment)] = face(market, faults, limits)
    return world
