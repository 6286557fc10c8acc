"""Where the exchange simulator listens, for the simulation profile: what a running one wrote into its ready file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import orjson

from marketbot.domain.errors import MarketBotError
from marketbot.domain.venue import Environment, Market, Profile, Venue
from marketbot.settings import Settings


class SimulatorUnknownError(MarketBotError):
    """The simulation profile needs to know where its simulator listens."""


def simulator_urls(settings: Settings) -> tuple[Mapping[Market, str] | None, Path | None]:
    """Return where the simulator listens and its certificate authority, for the simulation profile; (None, None) for the live one.

    Raises:
        SimulatorUnknownError: no ready file is named, or it cannot be read.
    """
    if settings.profile is not Profile.SIMULATION:
        return None, None
    if settings.simulator_ready_file is None:
        raise SimulatorUnknownError("The simulation profile needs MARKETBOT_SIMULATOR_READY_FILE: the file a simulator writes.")
    try:
        ready = orjson.loads(settings.simulator_ready_file.read_bytes())
    except (OSError, ValueError) as error:
        raise SimulatorUnknownError("The simulator's ready file cannot be read; is the simulator running?") from error
    urls = {
        Market(Venue(venue), Environment(environment)): url
        for venue, environments in ready["venues"].items()
        for environment, url in environments.items()
    }
    return urls, Path(ready["ca_file"]) if ready.get("ca_file") else settings.simulator_ca_file
