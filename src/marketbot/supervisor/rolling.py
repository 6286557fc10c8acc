"""Start every process of a running service anew, one after the other, so that somebody serves at every moment.

An engine's successor is ready before the engine is asked to end: they share the accounts for a moment, as several engines always do,
and the old one hands its own over. An API drains and comes back in its place, on its port, while the others serve; where there is no
other, it is away for the seconds of its start. The front door reads its configuration anew and refuses nobody meanwhile.

The order to do so is a file in the data directory, and so is the answer: a signal to a process id out of a file could meet a stranger.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
import structlog

from marketbot.store.embedded.data_dir import write_private
from marketbot.supervisor.child import Child, Program, Renewal
from marketbot.supervisor.errors import SupervisorError

LOOK_EVERY_S = 0.25
"""How soon an order is seen."""
ORDER_BYTES_MAX = 1_000

log = structlog.get_logger(__name__)


class RestartState(StrEnum):
    ASKED = "asked"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """A process did not come back as it should; those after it were left as they were."""


@dataclass(frozen=True, slots=True)
class Restart:
    """One order and how far it got. ``done`` names the processes that are new, in their order."""

    order: str
    state: RestartState = RestartState.ASKED
    done: tuple[str, ...] = ()
    sentence: str = ""

    @staticmethod
    def file(data_dir: Path) -> Path:
        return data_dir / "restart.json"

    @classmethod
    def ask(cls, data_dir: Path) -> Restart:
        """Leave an order for the service that runs here."""
        asked = cls(secrets.token_hex(8))
        asked.write(data_dir)
        return asked

    @classmethod
    def read(cls, data_dir: Path) -> Restart | None:
        """Return what is there, or None where it is nothing that we wrote."""
        try:
            with cls.file(data_dir).open("rb") as file:
                document: dict[str, Any] = orjson.loads(file.read(ORDER_BYTES_MAX * 10))
            return cls(document["order"], RestartState(document["state"]), tuple(document["done"]), document["sentence"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    @classmethod
    def forget(cls, data_dir: Path) -> None:
        cls.file(data_dir).unlink(missing_ok=True)

    def write(self, data_dir: Path) -> None:
        write_private(self.file(data_dir), orjson.dumps(asdict(self)).decode())


async def obey_orders(
    data_dir: Path,
    children: MutableMapping[str, Child],
    successor: Callable[[Program], Child],
    prepare: Callable[[], Awaitable[None]],
) -> None:
    """Carry out each order that is left, until cancelled. One that a former service left is not ours.

    Args:
        prepare: awaited before anything is touched; raises SupervisorError where nothing may be.
    """
    Restart.forget(data_dir)
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        asked = Restart.read(data_dir)
        if asked is None or asked.state is not RestartState.ASKED:
            continue
        done: list[str] = []

        def tell(state: RestartState, sentence: str = "", *, order: str = asked.order, done: list[str] = done) -> None:
            Restart(order, state, tuple(done), sentence).write(data_dir)

        tell(RestartState.RUNNING)
        try:
            await prepare()
            for name in list(children):
                if await renew(children, name, successor):
                    done.append(name)
                    tell(RestartState.RUNNING)
        except SupervisorError as error:
            log.error("rolling_restart_failed", done=done, reason=error.sentence)
            tell(RestartState.FAILED, str(error)[:ORDER_BYTES_MAX])
        else:
            log.info("rolling_restart_done", done=done)
            tell(RestartState.DONE)


async def renew(children: MutableMapping[str, Child], name: str, successor: Callable[[Program], Child]) -> bool:
    """Put a new process in one's place; False for one that is never restarted.

    Raises:
        SupervisorError: the new one was not ready. An engine's predecessor goes on then; an API is tried again as after any death.
    """
    old = children[name]
    match old.program.renewal:
        case Renewal.NEVER:
            return False
        case Renewal.RELOAD:
            await old.tell(signal.SIGUSR2)
        case Renewal.IN_PLACE:
            await old.renew()
        case Renewal.OVERLAPPED:
            new = successor(old.program)
            await new.start()
            children[name] = new
            try:
                await old.stop(signal.SIGTERM)
            except asyncio.CancelledError:
                await old.stop()  # The service ends meanwhile, and knows of the successor only.
                raise
    return True
