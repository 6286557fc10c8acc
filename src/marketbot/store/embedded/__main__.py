"""``python -m marketbot.store.embedded PRIMARY REPLICA``: keep a streaming replica of a running embedded server, for trials.

Both are data directories. It prints the replica's address when that takes connections, brings it back when it dies, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from marketbot.store.embedded.errors import EmbeddedPostgresError
from marketbot.store.embedded.replica import make_replica
from marketbot.store.embedded.supervisor import EmbeddedPostgres

USAGE = "python -m marketbot.store.embedded PRIMARY REPLICA: two data directories, please.\n"


async def keep(primary_dir: Path, replica_dir: Path) -> None:
    """Make the replica unless it is there, and run it until told to end.

    Raises:
        EmbeddedPostgresError: the primary is not there, or cannot be copied.
    """
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with EmbeddedPostgres(primary_dir) as primary:
        if primary.owner:
            raise EmbeddedPostgresError(f"No database runs in {primary_dir}.")
        async with await make_replica(primary, replica_dir) as replica:
            print(replica.dsn, flush=True)
            await ended.wait()


def main() -> int:
    if len(sys.argv) != 3:
        sys.stderr.write(USAGE)
        return 2
    try:
        asyncio.run(keep(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()))
    except EmbeddedPostgresError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
