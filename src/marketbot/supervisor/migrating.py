"""Bring the schema up to date in a process of its own: ``python -m marketbot.supervisor.migrating``. DATABASE_URL says where.

A supervisor that runs since before an upgrade knows the migrations of its own version only; a new process knows those of the installed one.
"""

from __future__ import annotations

import asyncio
import os
import sys

from marketbot.domain.errors import MarketBotError
from marketbot.settings import Settings
from marketbot.store.migrate import migrate
from marketbot.store.pool import Unavailable
from marketbot.supervisor.environment import child_environment
from marketbot.supervisor.errors import SupervisorError

WAIT_S = 120.0
"""Additive migrations take moments, but wait for long transactions and give way to them."""
SAID_BYTES_MAX = 2_000


async def apply_migrations(settings: Settings) -> None:
    """Apply the installed version's migrations beside what runs.

    Raises:
        SupervisorError: they cannot be applied; what was applied stays, each is a transaction of its own.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "marketbot.supervisor.migrating",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(child_environment(settings)),
    )
    try:
        async with asyncio.timeout(WAIT_S):
            said, _ = await process.communicate()
    except TimeoutError:
        raise SupervisorError(f"Nothing was restarted: the migrations were not applied within {WAIT_S:.0f} seconds.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        tail = said[-SAID_BYTES_MAX:].decode(errors="replace").strip()
        raise SupervisorError("Nothing was restarted: the migrations cannot be applied.", log_tail=tail)


def main() -> int:
    try:
        asyncio.run(migrate(os.environ["DATABASE_URL"]))
    except (MarketBotError, Unavailable) as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
