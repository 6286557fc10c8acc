"""Connects accounts side by side: bounded per market and egress, none waiting for a bad or a slow one."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import structlog

from marketbot.accounts.connect import (
    Connected,
    ConnectResult,
    NotNow,
    Refused,
    advise,
    connect_account,
    leverage_for,
    set_leverages,
)
from marketbot.accounts.keyring import Keyring
from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.ids import AccountId, Symbol
from marketbot.domain.instrument import Instrument
from marketbot.domain.key_reason import MAX_FACT_CHARS, KeyReason
from marketbot.domain.live import Changed, tell_nobody
from marketbot.domain.policy import Policy
from marketbot.domain.position import VenuePosition
from marketbot.domain.venue import Market, PositionMode
from marketbot.ports import Clock, Owned, OwnsAll, Tell, VenueClient
from marketbot.store import accounts as rows
from marketbot.store import key_checks, readings
from marketbot.store.accounts import AccountToConnect, Quarantine
from marketbot.store.key_checks import KeyFinding
from marketbot.store.pool import Pool, is_unavailable
from marketbot.store.readings import BalanceRow, LeverageRow

MAX_IN_FLIGHT = 1_000
"""Accounts being connected at once, over all markets."""
AT_ONCE_PER_EGRESS = 24
"""Of these, how many of one market talk through one source address at the same time."""
CONNECT_TIMEOUT_S = 30.0
"""One account's whole try; past it the slot goes to another, and this one waits for its next try."""
AGAIN_AFTER_S = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
"""The waits between tries of one account; the last repeats."""
MAX_REMEMBERED_DELAYS = 50_000
WRITE_EVERY_S = 0.05
"""Results wait this long for company, so that a thousand accounts are written in a few statements."""
POLL_S = 5.0


class Outcome(StrEnum):
    """How one try ended."""

    READY = "ready"
    REFUSED = "refused"
    LATER = "later"


Held = Callable[[AccountId, tuple[VenuePosition, ...]], Awaitable[None]]
"""Compares what a freshly connected account holds with what we know; reconciliation provides it."""
Progress = Callable[[AccountId, Outcome, str], None]
"""Told of each account's end: its outcome and, when it is not ready, why."""

log = structlog.get_logger(__name__)


class Nudges(Protocol):
    """What ``store.listen.Listener`` does."""

    def wait(self, channel: str, poll_s: float) -> Coroutine[Any, Any, bool]: ...


@dataclass(slots=True)
class _Delay:
    tries: int
    due_s: float


class Connector:
    """Brings accounts from ``connecting`` to ``ready`` or ``quarantined``, and keeps the leverage of ready ones as set.

    Two of them at work on one database do some accounts twice, which is harmless: connecting may be repeated.
    """

    def __init__(
        self,
        pool: Pool,
        keyring: Keyring,
        clients: Mapping[Market, VenueClient],
        instruments: Callable[[Market, Symbol], Instrument | None],
        clock: Clock,
        policy: Callable[[], Policy],
        *,
        held: Held | None = None,
        owned: Owned | None = None,
        progress: Progress | None = None,
        tell: Tell = tell_nobody,
    ) -> None:
        self._pool = pool
        self._keyring = keyring
        self._clients = clients
        self._instruments = instruments
        self._clock = clock
        self._policy = policy
        self._held = held
        self._owned = owned or OwnsAll()
        self._progress = progress
        self._tell = tell
        self._tasks: dict[AccountId, asyncio.Task[None]] = {}
        self._delays: dict[AccountId, _Delay] = {}
        self._slots: dict[tuple[Market, int], asyncio.Semaphore] = {}
        self._done: list[tuple[AccountToConnect, ConnectResult]] = []
        self._writing: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self.outcomes: Counter[Outcome] = Counter()

    def __repr__(self) -> str:
        return f"<Connector in_flight={len(self._tasks)} delayed={len(self._delays)} {dict(self.outcomes)}>"

    async def run_once(self) -> Counter[Outcome]:
        """Try every account that is due once; return how many ended how."""
        before = self.outcomes.copy()
        tried: set[AccountId] = set()
        while await self._fill(tried) or self._tasks:
            self._room.clear()
            await self._room.wait()
        await self._write()
        return self.outcomes - before

    async def run(self, stop: asyncio.Event, nudges: Nudges | None = None) -> None:
        """Connect whatever comes until ``stop`` is set."""
        try:
            while not stop.is_set():
                try:
                    await self._keyring.refresh()
                    started = await self._fill(set())
                except Exception as error:
                    if not is_unavailable(error):
                        raise
                    log.warning("connector_waits_for_store", error=type(error).__name__)
                    started = 0
                await self._wait(stop, nudges, full=started > 0)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            with contextlib.suppress(Exception):
                await self._write()

    async def _wait(self, stop: asyncio.Event, nudges: Nudges | None, *, full: bool) -> None:
        """Sleep until there may be work: a nudge, room for more, or the next try that is due."""
        due_s = min((delay.due_s for delay in self._delays.values()), default=float("inf")) - self._clock.monotonic()
        wait_s = max(0.05, min(POLL_S, due_s))
        self._room.clear()
        reasons: list[Coroutine[Any, Any, bool]] = [stop.wait()]
        if nudges is not None:
            reasons.append(nudges.wait(rows.ACCOUNT_CHANNEL, wait_s))
        if full:
            reasons.append(self._room.wait())
        waits = [asyncio.create_task(reason) for reason in reasons]
        try:
            await asyncio.wait(waits, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _fill(self, tried: set[AccountId]) -> int:
        """Start as many due accounts as there is room for; return how many."""
        room = MAX_IN_FLIGHT - len(self._tasks)
        if room <= 0:
            return 0
        now_s = self._clock.monotonic()
        waiting = [account_id for account_id, delay in self._delays.items() if delay.due_s > now_s]
        busy = tried.union(self._tasks, waiting, (account.account_id for account, _ in self._done))
        found = await rows.accounts_to_connect(self._pool, list(self._clients), list(busy), room, self._owned.where())
        for account in found:
            tried.add(account.account_id)
            self._keyring.forget(account.account_id)
        await self._keyring.credentials([account.account_id for account in found])
        for account in found:
            self._tasks[account.account_id] = asyncio.create_task(self._run_one(account), name=f"connect-{account.account_id}")
        return len(found)

    async def _run_one(self, account: AccountToConnect) -> None:
        try:
            slots = self._slots.setdefault((account.market, account.egress), asyncio.Semaphore(AT_ONCE_PER_EGRESS))
            async with slots:
                result = await self._try(account)
            self._done.append((account, result))
            if self._writing is None or self._writing.done():
                self._writing = asyncio.create_task(self._write_soon())
        finally:
            self._tasks.pop(account.account_id, None)
            self._room.set()

    async def _try(self, account: AccountToConnect) -> ConnectResult:
        credentials = await self._keyring.credentials([account.account_id])
        credential = credentials.get(account.account_id)
        if credential is None:
            return Refused(KeyReason.KEY_UNREADABLE)
        client = self._clients[account.market]
        wanted = {
            instrument: leverage_for(self._policy(), account.wishes, instrument)
            for symbol in account.symbols
            if (instrument := self._instruments(account.market, symbol)) is not None
        }
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                if account.ready:
                    wanted = {i: lev for i, lev in wanted.items() if account.leverage_set.get(i.symbol) != lev}
                    return await set_leverages(client, credential, wanted)
                result = await connect_account(client, credential, wanted)
            if isinstance(result, Connected) and result.reading is not None and self._held is not None:
                # Outside the time-out: what it may have to mend is not broken off midway.
                await self._held(account.account_id, result.reading.positions)
            return result
        except TimeoutError:
            return NotNow(VenueFault(ErrorClass.RETRYABLE, "timeout", "the venue was too slow"))
        except Exception as error:
            if not is_unavailable(error):
                log.exception("connect_failed", account_id=account.account_id)
            return NotNow(VenueFault(ErrorClass.RETRYABLE, type(error).__name__, "it could not be connected"))

    async def _write_soon(self) -> None:
        # What ends while a batch is being written has seen this task at work: it is for this task to write it too.
        while self._done:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await self._write()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("connector_waits_for_store", error=type(error).__name__)

    async def _write(self) -> None:
        """Store what is known by now, in pages; what cannot be stored is found as ``connecting`` again and tried anew."""
        done, self._done = self._done, []
        connected = [(account, result) for account, result in done if isinstance(result, Connected)]
        now = self._clock.now()
        await readings.write_balances(
            self._pool,
            [
                BalanceRow(account.account_id, account.user_id, reading.wallet_balance, reading.available_balance, now)
                for account, result in connected
                if (reading := result.reading) is not None
            ],
        )
        for mode in PositionMode:
            ids = [account.account_id for account, result in connected if _changed_mode(account, result) is mode]
            if ids:
                await rows.note_modes(self._pool, ids, hedge_mode=mode is PositionMode.HEDGE)
        await readings.write_leverages(
            self._pool,
            [
                LeverageRow(account.account_id, account.user_id, symbol, leverage)
                for account, result in connected
                for symbol, leverage in result.leverages.items()
            ],
        )
        if connected:
            ids = [account.account_id for account, _ in connected]
            await readings.touch_leverages(self._pool, ids)
            await rows.mark_ready(self._pool, ids)
        await rows.quarantine_accounts(
            self._pool,
            [
                Quarantine(account.account_id, account.user_id, result.reason, result.code, result.facts)
                for account, result in done
                if isinstance(result, Refused)
            ],
        )
        await key_checks.write(self._pool, [finding for each in done if (finding := _finding(*each, now)) is not None])
        self._tell({account.user_id for account, result in done if not isinstance(result, NotNow)}, Changed.ACCOUNTS)
        for account, result in done:
            self._note(account, result)

    def _note(self, account: AccountToConnect, result: ConnectResult) -> None:
        account_id = account.account_id
        if isinstance(result, NotNow):
            delay = self._delays.pop(account_id, None) or _Delay(0, 0.0)
            wait_s = max(AGAIN_AFTER_S[min(delay.tries, len(AGAIN_AFTER_S) - 1)], result.fault.retry_after_s or 0.0)
            # A budget that is used up says nothing about the account: its waits do not grow.
            tries = delay.tries if result.fault.error_class is ErrorClass.EGRESS_RATE else delay.tries + 1
            if len(self._delays) < MAX_REMEMBERED_DELAYS:
                self._delays[account_id] = _Delay(tries, self._clock.monotonic() + wait_s)
            outcome, why = Outcome.LATER, f"{result.fault.code} {result.fault.text}".strip()
        else:
            self._delays.pop(account_id, None)
            if isinstance(result, Connected):
                if _changed_mode(account, result) is not None:
                    self._keyring.forget(account_id)
                outcome, why = Outcome.READY, ""
            else:
                outcome, why = Outcome.REFUSED, result.reason
        self.outcomes[outcome] += 1
        if outcome is not Outcome.READY:
            log.warning("account_not_connected", account_id=account_id, market=str(account.market), outcome=outcome, why=why)
        if self._progress is not None:
            self._progress(account_id, outcome, why)


def _finding(account: AccountToConnect, result: ConnectResult, now: datetime) -> KeyFinding | None:
    """Return what a try told about a key; None where it was not asked about."""
    if isinstance(result, Refused):
        return KeyFinding(account.account_id, account.user_id, now, result.code, result.facts)
    if isinstance(result, NotNow):
        facts = {"code": result.fault.code, "text": result.fault.text[:MAX_FACT_CHARS]}
        return None if account.ready else KeyFinding(account.account_id, account.user_id, now, KeyReason.VENUE_UNAVAILABLE, facts)
    if result.key is None or result.reading is None:
        return None
    advice = advise(result.key, result.reading, account.market.environment)
    return KeyFinding(account.account_id, account.user_id, now, advice, {}, result.key.ip_restricted, result.key.expires_at)


def _changed_mode(account: AccountToConnect, result: Connected) -> PositionMode | None:
    """Return the venue's position mode when it is not the stored one."""
    stored = PositionMode.HEDGE if account.hedge_mode else PositionMode.ONE_WAY
    return None if result.position_mode is stored else result.position_mode
