"""Clear away what a killed server left: processes that are still leaving, and lock files that name a dead one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from marketbot.store.embedded.data_dir import DataDir
from marketbot.store.embedded.errors import EmbeddedPostgresError
from marketbot.store.embedded.postmaster import POLL_S, Postmaster, cluster_pids, somebody_listens

LEFTOVER_WAIT_S = 10.0


async def wait_until_gone(data_dir: DataDir) -> None:
    """Wait for the last process of the server (its logger writes the last words), and kill what does not go."""
    deadline = asyncio.get_running_loop().time() + LEFTOVER_WAIT_S
    while pids := cluster_pids(data_dir):
        if asyncio.get_running_loop().time() > deadline:
            await Postmaster(data_dir, pids[0], None).kill()
            return
        await asyncio.sleep(POLL_S)


async def clear_leftovers(data_dir: DataDir, port: int) -> None:
    """Make way for a start. The caller holds the owner's lock.

    Postgres ignores a lock file whose process is gone, but not one whose pid is a zombie that nobody reaps (a
    container without an init) or was given to another program of the same user: that would block every start. We
    hold the owner's lock, see no process of this server, and nobody listens on its socket: then the file is stale.

    Raises: EmbeddedPostgresError when a server answers that we cannot see.
    """
    await wait_until_gone(data_dir)
    socket = data_dir.socket(port)
    for lock_file in (data_dir.cluster / "postmaster.pid", socket.with_name(socket.name + ".lock")):
        pid = _pid_in(lock_file)
        if pid is None or not _taken(pid):
            continue
        if somebody_listens(socket):
            raise EmbeddedPostgresError(
                f"A server that this process cannot see (in another container?) uses {data_dir.cluster}; stop it."
            )
        lock_file.unlink(missing_ok=True)


def _pid_in(lock_file: Path) -> int | None:
    try:
        first = lock_file.read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return None
    return int(first) if first.isdigit() else None


def _taken(pid: int) -> bool:
    """Tell whether the kernel still knows this pid, were it as a zombie: that is all Postgres looks at."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
