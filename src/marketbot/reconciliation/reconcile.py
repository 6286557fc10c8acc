"""Compares one account with its venue and mends what differs, once before it first trades and as often as the sweep comes by."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from marketbot.accounts.keyring import Keyring
from marketbot.domain.execution_report import VenueFault
from marketbot.domain.ids import AccountId, Symbol
from marketbot.domain.live import Changed, tell_nobody
from marketbot.domain.position import RestingOrder, VenuePosition
from marketbot.domain.protection import ProtectionState
from marketbot.domain.venue import Market
from marketbot.execution.desk import Desk, KeyLostError
from marketbot.execution.locks import AccountLocks
from marketbot.observability import metrics
from marketbot.ports import Credential, Tell
from marketbot.reconciliation.compare import Booked, Finding, Held, Kind, compare
from marketbot.reconciliation.doubts import Doubts
from marketbot.reconciliation.evidence import UnreadableError
from marketbot.reconciliation.heal import Healer, Patient
from marketbot.store.pool import Pool
from marketbot.store.positions import AccountPlace, BookedPosition, InstrumentLookup, load_books, owner_of

MAX_REMEMBERED = 200_000
"""Accounts remembered as reconciled since the start; past it the memory begins anew, and accounts are looked at again."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one look at an account found. ``readable`` is False when the venue or the key did not let us look."""

    account_id: AccountId
    readable: bool
    findings: tuple[Finding, ...] = ()
    healed: int = 0


class Reconciler:
    """The venue is right about what is held; orders of others are left alone; a stop is never taken from a position."""

    def __init__(
        self,
        desk: Desk,
        pool: Pool,
        keyring: Keyring,
        locks: AccountLocks,
        instruments: InstrumentLookup,
        *,
        tag: str,
        tell: Tell = tell_nobody,
    ) -> None:
        self._desk = desk
        self._pool = pool
        self._keyring = keyring
        self.locks = locks
        self._instruments = instruments
        self._tag = tag
        self._tell = tell
        self._healer = Healer(desk, pool, tag, instruments)
        self._doubts = Doubts(desk, pool, keyring, instruments, tag)
        self._ensured: set[AccountId] = set()
        self._ensuring: dict[AccountId, asyncio.Task[Reconciled]] = {}
        self.mismatches: Counter[Kind] = Counter()
        """Differences found since the start, by kind."""
        self.healed: Counter[Kind] = Counter()
        self.unreadable = 0
        """Looks at accounts that the venue did not answer."""

    def __repr__(self) -> str:
        found, healed = sum(self.mismatches.values()), sum(self.healed.values())
        return f"<Reconciler accounts={len(self._ensured)} found={found} healed={healed} unreadable={self.unreadable}>"

    def is_ensured(self, account_id: AccountId) -> bool:
        """Tell whether an account has been reconciled since the start."""
        return account_id in self._ensured

    async def ensure(self, account_id: AccountId) -> bool:
        """Reconcile an account unless that was done since the start; True when it has been.

        Call it before the account's first entry, and before its lock is taken: this takes the lock. Several callers share one look.
        """
        if account_id in self._ensured:
            return True
        task = self._ensuring.get(account_id)
        if task is None:
            task = self._ensuring[account_id] = asyncio.create_task(self.reconcile_account(account_id))
            task.add_done_callback(lambda done: self._looked(account_id, done))
        return (await asyncio.shield(task)).readable

    def _looked(self, account_id: AccountId, done: asyncio.Task[Reconciled]) -> None:
        """Let the next caller look anew. What went wrong is for those who wait; when all of them left, it is nobody's news."""
        self._ensuring.pop(account_id, None)
        if not done.cancelled():
            done.exception()

    def ensured(self) -> frozenset[AccountId]:
        return frozenset(self._ensured)

    def assume_ensured(self, accounts: Iterable[AccountId]) -> None:
        """Take another process's word for accounts that it compared and has let go of since."""
        if len(self._ensured) < MAX_REMEMBERED:
            self._ensured.update(accounts)

    def forget_ensured(self, accounts: Iterable[AccountId]) -> None:
        """Others act for these accounts now, so that what was found out here is getting old."""
        self._ensured.difference_update(accounts)

    async def note_holdings(self, account_id: AccountId, positions: tuple[VenuePosition, ...]) -> None:
        """Reconcile with positions that were read just now; the connector calls it for each account it has read."""
        await self.reconcile_account(account_id, positions)

    async def reconcile_account(self, account_id: AccountId, positions: tuple[VenuePosition, ...] | None = None) -> Reconciled:
        """Compare and mend one account, alone with it. ``positions`` spares the reading when they are fresh."""
        async with self.locks.hold(account_id):
            try:
                done = await self._reconcile(account_id, positions)
            except (UnreadableError, KeyLostError) as error:
                log.warning("account_not_reconciled", account_id=account_id, error=type(error).__name__)
                done = Reconciled(account_id, readable=False)
        if done.readable:
            if len(self._ensured) >= MAX_REMEMBERED:
                self._ensured.clear()
            self._ensured.add(account_id)
        else:
            self.unreadable += 1
        return done

    async def settle_doubts(self, account_id: AccountId, older_than: timedelta) -> bool:
        """Reconcile an account, then ask for its orders that are in doubt although nobody works on them; True when none is left.

        First what is held: an entry that made a position after all must find it unprotected, and protect it, before it counts as filled.
        Where that cannot be compared, for a breaker holds ordinary reads back, stops and targets are asked for all the same.
        """
        loose = self._desk.loose.take(account_id)
        settled = False
        try:
            settled = await self._settle_doubts(account_id, older_than)
        finally:
            if loose is not None and not settled:
                self._desk.loose.note(account_id, *loose)
        return settled

    async def _settle_doubts(self, account_id: AccountId, older_than: timedelta) -> bool:
        readable = (await self.reconcile_account(account_id)).readable
        async with self.locks.hold(account_id):
            try:
                return await self._doubts.look(account_id, older_than, compared=readable) and readable
            except (UnreadableError, KeyLostError) as error:
                log.warning("doubts_not_settled", account_id=account_id, error=type(error).__name__)
                return False

    def loose(self) -> list[AccountPlace]:
        """Return the accounts where an order outlived its position."""
        return [AccountPlace(*place) for place in self._desk.loose.places()]

    async def _reconcile(self, account_id: AccountId, positions: tuple[VenuePosition, ...] | None) -> Reconciled:
        unreadable = Reconciled(account_id, readable=False)
        owner = await owner_of(self._pool, account_id)
        credential = (await self._keyring.credentials([account_id])).get(account_id)
        if owner is None or credential is None or owner[1] not in self._desk.clients:
            return unreadable
        user_id, market = owner
        books = await load_books(self._pool, account_id, tag=self._tag, credential=credential, instruments=self._instruments)
        client = self._desk.clients[market]
        # The books come first: what is written meanwhile belongs to a run, and runs are kept out by the lock.
        # A position that may be without its stop is looked at whatever the venue's day is like: no breaker holds that back.
        exposed = any(each.is_open and each.protection is not ProtectionState.PROTECTED for each in books.positions)
        read = positions if positions is not None else await client.read_positions(credential, None, urgent=exposed)
        if isinstance(read, VenueFault):
            log.info("positions_not_read", account_id=account_id, error_class=read.error_class, code=read.code)
            return unreadable
        attaches = client.traits.attaches_protection
        resting = {} if attaches else await self._resting(market, credential, books.positions)
        if resting is None:
            return unreadable
        findings = compare(
            [_booked(each) for each in books.positions],
            [Held(self._symbol(market, each), each) for each in read],
            resting,
            attaches_protection=attaches,
            tag=self._tag,
            busy=books.busy,
        )
        if not findings:
            return Reconciled(account_id, readable=True)
        for finding in findings:
            self.mismatches[finding.kind] += 1
            metrics.count_mismatch(finding.kind)
            log.info("mismatch", kind=finding.kind, account_id=account_id, symbol=finding.symbol, side=finding.side)
        healed = await self._healer.heal(Patient(account_id, user_id, market, credential, books), findings)
        for finding in healed:
            self.healed[finding.kind] += 1
        if healed:
            self._tell([user_id], Changed.POSITIONS)
        return Reconciled(account_id, readable=True, findings=findings, healed=len(healed))

    async def _resting(
        self, market: Market, credential: Credential, booked: Sequence[BookedPosition]
    ) -> Mapping[Symbol, Sequence[RestingOrder]] | None:
        """Read the open orders of the symbols that hold, or just held, a position of ours; None when one cannot be read."""
        found: dict[Symbol, Sequence[RestingOrder]] = {}
        for position in booked:
            if position.run is None or position.symbol in found:
                continue
            orders = await self._desk.clients[market].resting_orders(credential, position.run.instrument)
            if isinstance(orders, VenueFault):
                return None
            found[position.symbol] = orders
        return found

    def _symbol(self, market: Market, position: VenuePosition) -> Symbol:
        """Return our name of a venue's symbol: the same, or without the marks that CCXT puts into it."""
        bare = Symbol(position.venue_symbol.split(":")[0].replace("/", ""))
        instrument = self._instruments(market, bare)
        known = instrument is not None and instrument.venue_symbol == position.venue_symbol
        return bare if known else Symbol(position.venue_symbol)


def _booked(position: BookedPosition) -> Booked:
    legs = {} if position.run is None else {name: leg.state for name, leg in position.run.legs.items() if name.is_protective}
    return Booked(position.symbol, position.side, position.run is not None, position.protection, position.qty, legs)
