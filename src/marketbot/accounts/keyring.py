"""The credentials of the accounts at work, opened once and kept in memory, a bounded number of them."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from marketbot.accounts.safe import Safe
from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.ids import AccountId
from marketbot.domain.venue import PositionMode
from marketbot.ports import Credential
from marketbot.store.accounts import DataKey, SealedKey, changed_since, sealed_keys
from marketbot.store.pool import Pool
from marketbot.vault.vault import VaultError

MAX_CREDENTIALS = 50_000
"""Credentials kept at once; the one unused for longest goes first, and is read again when it is needed."""
MAX_IDLE_S = 3_600.0
"""A credential that nobody used for this long is forgotten. An account that may trade is read from every ten minutes."""
LOAD_PAGE = 2_000
NOT_OPENED = VenueFault(ErrorClass.REFUSED, "key_not_opened", "the stored key cannot be opened")
"""In place of a venue's answer where a key does not open: our fault and not the account's, so nothing is stopped for it."""
OVERLAP = timedelta(seconds=30)
"""How far ``refresh`` looks back behind its last look: a change may be committed after later ones were seen."""


@dataclass(slots=True)
class _Held:
    credential: Credential
    changed_at: datetime
    used_at_s: float


class Keyring:
    """Opens sealed keys on demand. What it holds shows in no repr."""

    def __init__(self, pool: Pool, safe: Safe, *, size: int = MAX_CREDENTIALS, idle_s: float = MAX_IDLE_S) -> None:
        self._pool = pool
        self._safe = safe
        self._size = size
        self._idle_s = idle_s
        self._held: OrderedDict[AccountId, _Held] = OrderedDict()
        self._looked_at: datetime | None = None
        self._loading = asyncio.Lock()
        self.unreadable = 0
        """Keys that did not open: sealed by another vault, or moved."""

    def __repr__(self) -> str:
        return f"<Keyring held={len(self._held)} of {self._size} unreadable={self.unreadable}>"

    def __len__(self) -> int:
        return len(self._held)

    async def credentials(self, account_ids: Sequence[AccountId]) -> dict[AccountId, Credential]:
        """Return the credentials of accounts, reading the missing ones in one query a page.

        An account that does not exist, or whose key does not open, is left out.
        """
        found, missing = self._look(account_ids)
        if missing:
            async with self._loading:  # two chunks of one account read it once
                again, missing = self._look(missing)
                found.update(again)
                for start in range(0, len(missing), LOAD_PAGE):
                    found.update(await self._load(missing[start : start + LOAD_PAGE]))
        return found

    def egress_of(self, account_id: AccountId) -> int | None:
        """Return an account's egress if its credential is at hand."""
        held = self._held.get(account_id)
        return None if held is None else held.credential.egress

    def held(self) -> frozenset[AccountId]:
        """Return the accounts whose credentials are at hand."""
        return frozenset(self._held)

    def forget(self, account_id: AccountId) -> None:
        self._held.pop(account_id, None)

    async def refresh(self) -> int:
        """Drop what has changed in the store since the last look; return how many. Call it on a nudge and in a slow poll.

        What nobody used for long goes too.
        """
        self._drop_idle()
        since = None if self._looked_at is None else self._looked_at - OVERLAP
        self._looked_at, changed = await changed_since(self._pool, since)
        stale = [account_id for account_id, changed_at in changed if self._is_older(account_id, changed_at)]
        for account_id in stale:
            self.forget(account_id)
        return len(stale)

    def _drop_idle(self) -> None:
        now_s = time.monotonic()
        while self._held:
            account_id, held = next(iter(self._held.items()))
            if now_s - held.used_at_s < self._idle_s:
                return  # the order is that of use
            del self._held[account_id]

    def _is_older(self, account_id: AccountId, changed_at: datetime) -> bool:
        held = self._held.get(account_id)
        return held is not None and held.changed_at < changed_at

    def _look(self, account_ids: Iterable[AccountId]) -> tuple[dict[AccountId, Credential], list[AccountId]]:
        found: dict[AccountId, Credential] = {}
        missing: list[AccountId] = []
        now_s = time.monotonic()
        for account_id in account_ids:
            held = self._held.get(account_id)
            if held is None:
                missing.append(account_id)
            else:
                self._held.move_to_end(account_id)
                held.used_at_s = now_s
                found[account_id] = held.credential
        return found, missing

    async def _load(self, account_ids: Sequence[AccountId]) -> dict[AccountId, Credential]:
        if self._looked_at is None:
            self._looked_at, _ = await changed_since(self._pool, None)
        found: dict[AccountId, Credential] = {}
        for row, keys in await sealed_keys(self._pool, account_ids):
            credential = await self._open(row, keys)
            if credential is not None:
                found[row.account_id] = credential
                self._held[row.account_id] = _Held(credential, row.changed_at, time.monotonic())
                self._held.move_to_end(row.account_id)
        while len(self._held) > self._size:
            self._held.popitem(last=False)
        return found

    async def _open(self, row: SealedKey, keys: Sequence[DataKey]) -> Credential | None:
        """The data keys live as long as this call: what is kept is what signs."""
        try:
            clear = self._safe.open(await self._safe.open_keys(keys), row)
        except VaultError:
            self.unreadable += 1
            return None
        return Credential(
            account_id=row.account_id,
            api_key=clear.api_key.decode(),
            secret=clear.secret,
            egress=row.egress,
            position_mode=PositionMode.HEDGE if row.hedge_mode else PositionMode.ONE_WAY,
            passphrase=None if clear.passphrase is None else clear.passphrase.decode(),
        )
