"""Takes users' keys out of their boxes, and seals anew what older keys sealed. Done by executors: nothing else can open anything."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from marketbot.accounts.handover import PAIR_AAD, box_aad, read_content
from marketbot.accounts.resealing import PAGE, reseal_page
from marketbot.accounts.safe import Safe
from marketbot.domain.ids import AccountId
from marketbot.domain.key_reason import KeyReason, key_text
from marketbot.domain.live import Changed, tell_nobody
from marketbot.domain.reasons import Language
from marketbot.ports import Clock, Tell
from marketbot.store import data_keys, key_boxes
from marketbot.store.accounts import ACCOUNT_CHANNEL
from marketbot.store.key_boxes import KeyBox
from marketbot.store.pool import Connection, Pool, is_unavailable
from marketbot.vault.box import open_box
from marketbot.vault.kek import KekMissing
from marketbot.vault.vault import VaultError

POLL_S = 5.0
BOX_PAGE = 100
MAX_SHUT = 1_000
"""Boxes that could not be opened for want of a key-encryption key, which are not tried at every look."""
RESEAL_EVERY_S = 60.0
OPENS = 2
"""What this version opens; see ``worker.opens``."""

_READY_TO_RESEAL = """
SELECT NOT EXISTS (SELECT FROM worker WHERE ended_at IS NULL AND 'executor' = ANY (roles) AND opens < $1)
"""

log = structlog.get_logger(__name__)


class Nudges(Protocol):
    """What ``store.listen.Listener`` does."""

    def wait(self, channel: str, poll_s: float) -> Coroutine[Any, Any, bool]: ...


@dataclass(slots=True)
class _Shut:
    accounts: list[AccountId] = field(default_factory=list)
    until_s: float = 0.0


class KeyKeeper:
    """Any number of them may be at work: each page is one's, by the store's lock."""

    def __init__(self, pool: Pool, safe: Safe, clock: Clock, worker: Callable[[], int], *, tell: Tell = tell_nobody) -> None:
        self._pool = pool
        self._safe = safe
        self._clock = clock
        self._worker = worker
        self._tell = tell
        self._resealed_at_s = self._said_at_s = float("-inf")
        self._shut = _Shut()
        self.opened = 0

    def __repr__(self) -> str:
        return f"<KeyKeeper opened={self.opened}>"

    async def run(self, nudges: Nudges) -> None:
        """Keep keys until cancelled. No key's trouble ends the process: accounts that trade go on."""
        while True:
            try:
                await self.run_once()
            except VaultError as error:
                self._say(error)
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("key_keeper_waits_for_store", error=type(error).__name__)
            await nudges.wait(ACCOUNT_CHANNEL, POLL_S)

    def _say(self, error: VaultError) -> None:
        now_s = self._clock.monotonic()
        if now_s - self._said_at_s >= RESEAL_EVERY_S:
            self._said_at_s = now_s
            log.error("keys_not_kept", error=str(error))

    async def run_once(self) -> int:
        """Open what waits in boxes, and now and then seal a little anew; return how many boxes were opened."""
        await self._ensure_box_key()
        opened = await self._open_boxes() if await key_boxes.any_waits(self._pool) else 0
        now_s = self._clock.monotonic()
        if now_s - self._resealed_at_s >= RESEAL_EVERY_S:
            self._resealed_at_s = now_s
            await self._reseal()
        return opened

    async def _ensure_box_key(self) -> None:
        """Have a pair that the API can seal to."""
        async with self._pool.acquire() as connection:
            if await data_keys.public_half(connection) is not None:
                return
            async with connection.transaction():
                await data_keys.lock_keys(connection)
                if await data_keys.public_half(connection) is None:
                    await self._safe.new_box_key(connection)
                    log.info("box_key_made")

    async def _open_boxes(self) -> int:
        now_s = self._clock.monotonic()
        if now_s >= self._shut.until_s:
            self._shut = _Shut([], now_s + RESEAL_EVERY_S)
        async with self._pool.acquire() as connection, connection.transaction():
            await data_keys.lock_keys(connection)
            boxes = await key_boxes.oldest(connection, BOX_PAGE, self._shut.accounts)
            pairs = {pair.box_key_id: pair for pair in await data_keys.box_keys(connection)}
            kept = [box for box in boxes if await self._open(connection, box, pairs[box.box_key_id])]
            if kept:
                await connection.execute("SELECT pg_notify($1, '')", ACCOUNT_CHANNEL)
        self.opened += len(kept)
        self._tell({box.user_id for box in boxes}, Changed.ACCOUNTS)
        return len(kept)

    async def _open(self, connection: Connection, box: KeyBox, pair: data_keys.BoxKey) -> bool:
        """Seal a box's key for its account and drop the box; False where it holds no key that this account can have."""
        try:
            private = await self._safe.kek.unwrap(pair.private, aad=PAIR_AAD)
        except KekMissing as error:
            # Another key would open it: it waits for whoever has that.
            log.error("key_box_shut", account_id=box.account_id, error=str(error))
            if len(self._shut.accounts) < MAX_SHUT:
                self._shut.accounts.append(box.account_id)
            return False
        try:
            clear = read_content(
                open_box(private, box.sealed, aad=box_aad(box.box_key_id, box.user_id, box.account_id, box.fingerprint))
            )
        except VaultError as error:
            log.error("key_box_broken", account_id=box.account_id, error=str(error))
            code = KeyReason.KEY_UNREADABLE
            await key_boxes.refuse(connection, box, code, key_text(code, {}, Language.EN))
            await key_boxes.remove(connection, box)
            return False
        keys = await self._safe.keys_of(connection, [box.user_id])
        sealed = self._safe.seal(keys[box.user_id], box.user_id, box.account_id, box.fingerprint, clear)
        await key_boxes.keep_key(connection, box, sealed.api_key, sealed.secret, sealed.passphrase)
        await key_boxes.remove(connection, box)
        log.info("key_box_opened", account_id=box.account_id)
        return True

    async def _reseal(self) -> None:
        """Seal a page anew, once no engine of an earlier version could be left without a key that it can open."""
        await self._pool.execute("UPDATE worker SET opens = $2 WHERE worker = $1 AND opens < $2", self._worker(), OPENS)
        if not await self._pool.fetchval(_READY_TO_RESEAL, OPENS):
            return
        async with self._pool.acquire() as connection:
            done, last = await reseal_page(connection, self._safe, AccountId(0), PAGE)
        if done:
            log.info("keys_resealed", accounts=done)
        if done and last is not None:
            self._resealed_at_s = float("-inf")  # there is more
