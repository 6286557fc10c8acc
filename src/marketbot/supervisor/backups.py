"""Scheduled backups: the supervisor asks now and then whether one is due, and lets a process of its own make it.

A process of its own, because reading and packing a whole database would keep the loop of whoever else did it from its work; one that
runs only while there is something to do, because it would otherwise hold memory all day. Whether one is due stands in the database, and a
lock there lets one process at a time, so supervisors on several machines make one backup and not several.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from datetime import timedelta

import structlog

from marketbot.backup.runs import is_due
from marketbot.settings import Settings
from marketbot.store.pool import connect, is_unavailable
from marketbot.supervisor.environment import child_environment
from marketbot.supervisor.programs import log_directory

ASK_EVERY_S = 60.0
"""Also the wait before the first question: a service that is just starting has better things to do."""
STOP_WAIT_S = 5.0
MODULE = "marketbot.backup"

log = structlog.get_logger(__name__)


async def run_backups(settings: Settings, dsn: str, every: timedelta, *, ask_every_s: float = ASK_EVERY_S) -> None:
    """Have a backup made whenever the last good one is older than ``every``, until cancelled."""
    while True:
        await asyncio.sleep(ask_every_s)
        try:
            connection = await connect(dsn, name="supervisor")
            try:
                due = await is_due(connection, every)
            finally:
                await connection.close()
        except Exception as error:
            if not is_unavailable(error):
                raise
            continue
        if due:
            status = await _make(settings)
            if status != 0:
                log.error("backup_process_failed", status=status, log=str(log_directory(settings) / "backup.log"))


async def _make(settings: Settings) -> int:
    """Run the backup's process to its end; cancelled, it takes the process along: the draft it leaves is cleared by the next."""
    log_file = os.open(log_directory(settings) / "backup.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "marketbot.supervisor.tether",
            MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=log_file,
            stderr=log_file,
            env=dict(child_environment(settings)),
            start_new_session=True,
        )
    finally:
        os.close(log_file)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_WAIT_S)
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.stdin is not None:
            process.stdin.close()
