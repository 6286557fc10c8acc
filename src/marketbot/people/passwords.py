"""Hashing of passwords with argon2id: slow on purpose, so in a few threads of its own and never in the event loop.

Each hash takes 64 MiB and, measured on a server's core, 0.15 s (RFC 9106, second recommended option, with one lane). Two at once and a
short line bound what logging in can cost; whoever finds the line full is told to come again. The threads stand back for the rest of the
process: an order is worth more than a login.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from marketbot.domain.errors import MarketBotError
from marketbot.people.password_rules import MAX_PASSWORD_CHARS, settle_password

MAX_THREADS = 2
MAX_IN_LINE = 32
"""Hashes under way and waiting: five seconds' worth of one core."""
MEMORY_KIB = 65_536
PASSES = 3
LANES = 1
NICENESS = 10

Done = TypeVar("Done")


class HashingFull(MarketBotError):
    """Too many passwords wait to be hashed; nothing was done."""


class Passwords:
    """Hashes and verifies. One a process."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        threads = max(1, min(MAX_THREADS, (os.cpu_count() or 1) // 2))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="password", initializer=_stand_back)
        self._in_line = 0
        self._count = threading.Lock()
        self._nobodys = self._hash_of_nothing()

    def __repr__(self) -> str:
        return f"<Passwords {self._in_line} of {MAX_IN_LINE} in line>"

    async def hash(self, password: str) -> str:
        """Return what is stored of a password.

        Raises:
            HashingFull: too many others wait.
        """
        return await self._run(lambda: self._hasher.hash(_settled(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether a password is the stored one. None, for somebody who is not there, takes the same work and is never right.

        Raises:
            HashingFull: too many others wait.
        """
        against = self._nobodys if stored is None else stored
        return await self._run(lambda: self._verify(password, against)) and stored is not None

    def is_old(self, stored: str) -> bool:
        """Tell whether a hash was made with other costs than are usual now."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, _settled(password[: MAX_PASSWORD_CHARS + 1]))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], Done]) -> Done:
        with self._count:
            if self._in_line >= MAX_IN_LINE:
                raise HashingFull("too many passwords wait to be hashed")
            self._in_line += 1
        try:
            future = self._threads.submit(work)
        except RuntimeError:
            self._leave(None)
            raise HashingFull("this process ends") from None
        # Whoever gives up waiting does not end the work: its place is free when the thread is.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _future: Future[Done] | None) -> None:
        with self._count:
            self._in_line -= 1

    def _hash_of_nothing(self) -> str:
        """Return a hash of the usual costs that no password is known to have: salt and tag are drawn, so nothing is hashed for it."""
        salt, tag = (_b64(secrets.token_bytes(length)) for length in (self._hasher.salt_len, self._hasher.hash_len))
        costs = f"m={self._hasher.memory_cost},t={self._hasher.time_cost},p={self._hasher.parallelism}"
        return f"$argon2id$v=19${costs}${salt}${tag}"


def _settled(password: str) -> bytes:
    # Half a surrogate pair, which JSON can spell, is a letter like any other here.
    return settle_password(password).encode("utf-8", "surrogatepass")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _stand_back() -> None:
    """Lower this thread's priority: Linux keeps one for each thread, other systems only for the process."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
