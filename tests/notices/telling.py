"""An installation that tells its user and its operator, with stand-ins of the services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from marketbot.clock import SystemClock
from marketbot.domain.ids import AccountId, UserId
from marketbot.domain.notice import ChannelKind, Notice, Severity, Spoken
from marketbot.jobs import notice_kinds as every_kind
from marketbot.jobs.kinds import Kinds
from marketbot.jobs.notice_rounds import round_kind
from marketbot.jobs.tell import Letters
from marketbot.notices.delivery import Courier
from marketbot.store import channels, notices
from marketbot.store.channels import ChannelRow, NewChannel, channel_aad
from marketbot.store.jobs import ClaimedJob
from marketbot.store.listen import Line
from marketbot.store.pool import Pool, connect
from marketbot.store.workers import Process, enlist
from marketbot.vault.vault import Vault
from marketbot.workers.jobs import JobRunner

from .services import BOT_TOKEN, PATIENCE_S, Services

SECRET = "whsec_of_a_test"
JOB = ClaimedJob(1, "", None, {}, SystemClock().now(), None, 1, 1)
"""For handlers that ask nothing of theirs."""


@dataclass
class Mailbox:
    """What the mail server's side of the port was handed."""

    got: asyncio.Queue[tuple[str, str, str]] = field(default_factory=asyncio.Queue)

    async def send(self, to: str, subject: str, body: str) -> None:
        await self.got.put((to, subject, body))

    async def one(self) -> tuple[str, str, str]:
        async with asyncio.timeout(PATIENCE_S):
            return await self.got.get()


@dataclass
class Telling:
    """An installation in practice, with one user and the stand-ins."""

    pool: Pool
    vault: Vault
    services: Services
    courier: Courier
    user_id: UserId
    accounts: list[AccountId]
    mailbox: Mailbox = field(default_factory=Mailbox)

    async def channel(
        self,
        kind: ChannelKind,
        target: str,
        *,
        user: bool = True,
        minimum: Severity = Severity.INFO,
        notices_chosen: list[Notice] | None = None,
        confirmed: bool = True,
        language: Spoken = Spoken.EN,
    ) -> ChannelRow:
        owner = self.user_id if user else None

        def seal(text: str, what: str) -> bytes:
            return self.vault.seal(text.encode(), aad=channel_aad(owner, kind, what))

        secret = seal(SECRET, "secret") if kind is ChannelKind.WEBHOOK else None
        new = NewChannel(kind, "there", language, minimum, notices_chosen, seal(target, "target"), secret, confirmed=confirmed)
        async with self.pool.acquire() as connection:
            row = await channels.create_channel(connection, owner, new)
        assert row is not None
        return row

    async def ask(self, notice: Notice, subject: str, **facts: Any) -> None:
        async with self.pool.acquire() as connection:
            await notices.ask(connection, self.user_id, notice, subject, facts)

    async def round(self) -> None:
        """Let channels speak once, now."""
        await round_kind(self.pool, SystemClock()).handler(JOB)

    async def messages(self) -> list[list[str]]:
        """Return the notices of each message there is, waiting or sent."""
        rows = await self.pool.fetch(
            "SELECT array_agg(notice ORDER BY item_id) AS notices FROM notice_item WHERE job_id IS NOT NULL GROUP BY job_id ORDER BY job_id"
        )
        return [row["notices"] for row in rows]

    @asynccontextmanager
    async def working(self, dsn: str, *, bot: bool = False, letters: Letters | None = None) -> AsyncIterator[None]:
        """Run a keeper's jobs: those that deliver, and with ``bot`` all there are."""
        connection = await connect(dsn, name="worker")
        worker = await enlist(connection, Process(("keeper",), "test", "elsewhere", 1, "1", (0,)))
        await connection.close()
        clock = SystemClock()
        kinds = every_kind.notice_kinds(
            self.pool,
            self.vault,
            clock,
            self.courier,
            loopback=True,
            telegram_api=self.services.telegram,
            telegram_token=BOT_TOKEN,
            letters=letters or self.mailbox,
        )
        if not bot:
            kinds = [kind for kind in kinds if kind.every is None]
        runner = JobRunner(self.pool, Kinds(kinds), clock, lambda: worker)
        line = Line(dsn)
        listener = line.listener(["job"])
        async with line:
            task = asyncio.create_task(runner.run(listener))
            try:
                yield
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def until(true: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await true():  # noqa: ASYNC110 - what is polled lies in a database
            await asyncio.sleep(0.02)
