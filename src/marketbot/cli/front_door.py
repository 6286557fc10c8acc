"""``front-door``: HAProxy's configuration as a file, for whoever runs HAProxy themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from marketbot.cli.failure import EXIT_USAGE, CommandFailed, FailureReason
from marketbot.cli.output import Output
from marketbot.settings import Settings
from marketbot.supervisor.endpoints import Endpoints
from marketbot.supervisor.front_door import FrontDoor, FrontDoorError, Place, render


async def write_front_door(output: Output, settings: Settings, file: Path, listen: str, apis: Sequence[str]) -> None:
    """Write the file for the APIs named, or for those of the running service, or as the settings have them."""
    try:
        places = [Place.of_url(url) for url in (apis or _known(settings))]
        text = render(FrontDoor(Place.parse(listen), places))
    except FrontDoorError as error:
        raise CommandFailed(FailureReason.USAGE, str(error), exit_code=EXIT_USAGE) from error
    try:
        await asyncio.to_thread(file.write_text, text)
    except OSError as error:
        raise CommandFailed(FailureReason.FILE_INVALID, f"{file} cannot be written: {error.strerror}.") from error
    named = [f"http://{place}" for place in places]
    output.show(
        {"file": str(file), "listen": listen, "apis": named},
        lambda console: console.print(f"{file}: listens at {listen}, before {', '.join(named)}. Check it: haproxy -c -f {file}"),
    )


def _known(settings: Settings) -> Sequence[str]:
    running = Endpoints.read(settings.data_dir)
    if running is not None:
        return running.api_urls
    if settings.api_port == 0:
        raise FrontDoorError("The API's port is chosen at each start; name the APIs with --api.")
    return [f"http://{settings.api_host}:{settings.api_port + number}" for number in range(settings.api_processes)]
