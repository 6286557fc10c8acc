"""A streaming replica of an embedded server, beside it on the same machine: for a trial of replicas, and for their tests.

It guards against nothing that kills the machine. A replica for that is made with the same three steps on another one.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from marketbot.store.embedded.binaries import Binaries, ServerUser
from marketbot.store.embedded.configuration import REPLICATION_ROLE, Endpoint
from marketbot.store.embedded.data_dir import DataDir
from marketbot.store.embedded.errors import EmbeddedPostgresError
from marketbot.store.embedded.supervisor import CONNECT_TIMEOUT_S, EmbeddedPostgres

COPY_TIMEOUT_S = 3600.0
STANDBY_MARK = "standby.signal"
REPLICA_SETTINGS: Mapping[str, str] = {
    # The primary is tried again soon after it comes back, and does not clean away what a reader here still sees.
    "wal_retrieve_retry_interval": "500ms",
    "hot_standby_feedback": "on",
    # Our reads last two seconds at most; one that takes longer must not hold replay up.
    "max_standby_streaming_delay": "5s",
}


async def make_replica(
    primary: EmbeddedPostgres, data_dir: Path, *, settings: Mapping[str, str] | None = None
) -> EmbeddedPostgres:
    """Copy a running primary below `data_dir` unless that was done, and return the replica, to be started like any server.

    `data_dir` is absolute.

    Raises: EmbeddedPostgresError when the primary cannot be copied, or the place holds a server that is no replica.
    """
    place = DataDir(data_dir)
    user = ServerUser.current()
    if _is_there(place.cluster / "PG_VERSION"):
        if not _is_there(place.cluster / STANDBY_MARK):
            raise EmbeddedPostgresError(f"The database in {place.root} is no replica; choose another place for one.")
    else:
        endpoint = primary.endpoint
        if endpoint is None or endpoint.tcp:
            raise EmbeddedPostgresError("A replica beside an embedded database needs it running on its private socket.")
        await _allow_streaming(primary)
        place.create(user)
        binaries = await asyncio.to_thread(Binaries.usable_by, user, place.binaries)
        await asyncio.to_thread(_copy, endpoint, place, binaries, user)
    return EmbeddedPostgres(data_dir, settings={**REPLICA_SETTINGS, **(settings or {})})


def _is_there(file: Path) -> bool:
    return file.exists()


async def _allow_streaming(primary: EmbeddedPostgres) -> None:
    """Make the role that may stream, once."""
    connection = await asyncpg.connect(primary.dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", REPLICATION_ROLE):
            await connection.execute(f"CREATE ROLE {REPLICATION_ROLE} LOGIN REPLICATION")
    finally:
        await connection.close()


def _copy(primary: Endpoint, place: DataDir, binaries: Binaries, user: ServerUser) -> None:
    """Take a base backup that streams on from where it ends; only a finished one carries the real name."""
    fresh = place.cluster.with_name("cluster.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    user.own(fresh)
    try:
        result = subprocess.run(  # noqa: S603 - our own binary, arguments of our own
            [
                binaries.pg_basebackup,
                f"--pgdata={fresh}",
                f"--host={primary.data_dir.run}",
                f"--port={primary.port}",
                f"--username={REPLICATION_ROLE}",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--write-recovery-conf",
                "--no-password",
            ],
            capture_output=True,
            text=True,
            timeout=COPY_TIMEOUT_S,
            env={"LC_ALL": "C", "TZ": "UTC"},
            cwd="/",
            check=False,
            **user.popen_arguments(),
        )
    except subprocess.TimeoutExpired as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise EmbeddedPostgresError(f"Copying the database took longer than {COPY_TIMEOUT_S:.0f} s.") from error
    if result.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise EmbeddedPostgresError(
            f"The database could not be copied to {place.root} (pg_basebackup ended with {result.returncode}).",
            log_tail=result.stderr.strip(),
        )
    fresh.rename(place.cluster)
