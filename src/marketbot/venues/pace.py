"""The budgets of one market: every call asks here before it takes a socket.

Fails shut: without budget a call waits its bounded turn or is not sent. With budget it costs a few additions, no lock and no await.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction

from marketbot.domain.execution_report import ErrorClass
from marketbot.domain.ids import AccountId
from marketbot.ports import Clock, EgressReading
from marketbot.venues.answer import Refusal, unsent
from marketbot.venues.egress_budget import EgressBudget, Waiter
from marketbot.venues.limits import Cost, Limits, SlidingWindow

MAX_WAITING = 20_000
"""Calls that may wait for budget at one egress; a fan-out over 10,000 accounts fits twice."""

MAX_WAIT_S = 5.0
"""A call that would wait longer is given back unsent, for its intent may have lapsed by then."""

MAX_ACCOUNT_BUDGETS = 65_536
NAP_S = 0.05
"""The longest nap of a waiting line, so that an urgent call never sleeps behind an ordinary one's delay."""
NEWS_MIN_S = 1.0
"""A ban is told to other processes when it ends at least this much later than the one they know of."""
NOT_HELD_RETRY_S = 1.0
MARKET_CALL_UNITS = 2
"""What the dearest call for a whole market weighs: the prices of all symbols at Binance."""


class _AccountBudget:
    __slots__ = ("blocked_until", "windows")

    def __init__(self, windows: tuple[SlidingWindow, ...]) -> None:
        self.windows = windows
        self.blocked_until = 0.0

    def delay_s(self, now: float, units: int, urgent: bool) -> float:
        delay = self.blocked_until - now
        for window in self.windows:
            limit = window.limit if urgent else window.unreserved
            if (window.used if now < window.slot_ends else window.turn(now)) + units > limit:
                delay = max(delay, window.delay_s(now, units, limit))
        return delay

    def add(self, units: int) -> None:
        for window in self.windows:
            window.add(units)

    def rests(self, now: float) -> bool:
        """Tell whether nothing was drawn within the windows and nothing is blocked."""
        return self.blocked_until <= now and not any(window.turn(now) for window in self.windows)


class Pace:
    """Budgets by egress address and by (account, bucket). Belongs to one event loop."""

    def __init__(
        self,
        limits: Limits,
        *,
        egresses: int,
        clock: Clock,
        max_waiting: int = MAX_WAITING,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._now = clock.monotonic
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._egresses = tuple(EgressBudget(limits.egress, serves_market=number == 0) for number in range(egresses))
        self._accounts: dict[tuple[AccountId, str], _AccountBudget] = {}
        self._divided = False
        self.on_block: Callable[[int, float], None] | None = None
        """Told of each ban that a venue pronounced to this process: address and seconds."""

    def admit(self, egress: int, account_id: AccountId | None, cost: Cost, urgent: bool) -> bool:
        """Draw the cost if it can be had at once; otherwise draw nothing and return False."""
        now = self._now()
        at = self._egresses[egress]
        if now < at.closed_until:
            return account_id is None and at.admit_bystander(cost, now)
        weight = cost.weight
        if weight and (at.crowded(urgent) or not self._fits(at, weight, now, urgent)):
            return False
        if cost.bucket and account_id is not None:
            account = self._account(account_id, cost.bucket)
            if account.delay_s(now, cost.units, urgent) > 0:
                return False
            account.add(cost.units)
        if weight:
            at.window.add(weight)
        return True

    @staticmethod
    def _fits(at: EgressBudget, weight: int, now: float, urgent: bool) -> bool:
        return at.window.turn(now) + weight <= at.allowance.limit(now, urgent) or (not urgent and at.may_ask(weight, now))

    async def wait(self, egress: int, account_id: AccountId | None, cost: Cost, urgent: bool) -> Refusal | None:
        """Draw the cost when its turn comes; a refusal says that nothing was drawn and when to try again."""
        at = self._egresses[egress]
        deadline = self._now() + self._max_wait_s
        while True:
            now = self._now()
            if (refusal := await self._sit_out(at, account_id, cost, urgent, deadline)) is not None:
                return refusal
            if self.admit(egress, account_id, cost, urgent):
                return None
            if now < at.closed_until:
                continue  # it was closed meanwhile
            if not at.crowded(urgent) and at.window.delay_s(now, cost.weight, at.allowance.limit(now, urgent)) <= 0:
                continue  # the account's turn was taken meanwhile
            if at.waiting >= self._max_waiting:
                return unsent(ErrorClass.EGRESS_RATE, "too_many_waiting", "too many calls wait for this address's budget", NAP_S)
            if not await self._stand_in_line(at, cost, urgent, deadline):
                now = self._now()
                delay = at.window.delay_s(now, cost.weight, at.allowance.limit(now, urgent))
                again_s = min(max(delay, NAP_S), self._max_wait_s)
                return unsent(ErrorClass.EGRESS_RATE, "budget", "this address's budget is used up", again_s)
            if self._draw_account(account_id, cost, urgent):
                return None
            at.window.add(-cost.weight)

    def set_shares(self, shares: Sequence[Fraction], spent: Mapping[int, int] | None = None) -> None:
        """Hold these shares of the addresses, one each, from the next call on; the whole of all is the default.

        Whoever gives a share away has stopped before another process takes it; what the window still holds of the other's
        calls is assumed (``egress_budget``, rule 2), or as much of it as ``spent`` tells of an address.
        """
        told = spent or {}
        if len(shares) != len(self._egresses):
            raise ValueError(f"{len(self._egresses)} addresses need as many shares")
        now = self._now()
        for number, (at, share) in enumerate(zip(self._egresses, shares, strict=True)):
            at.set_share(share, now, first=not self._divided, spent=told.get(number))
        self._divided = True

    def overspent(self) -> list[int]:
        """Return, for each address, what its window holds beyond the share held now."""
        now = self._now()
        return [at.overspent(now) for at in self._egresses]

    @property
    def market_egress(self) -> int:
        """Return where market-wide calls leave from: the first open address with budget for one at once, or else the open one with the
        most left; the first of all where none is open.

        Prices that grow old deny the entries of every account, so one slowed address must not keep them from being read.
        """
        now = self._now()
        left = {number: at.left(now) for number, at in enumerate(self._egresses) if now >= at.closed_until}
        at_once = (number for number, units in left.items() if units >= MARKET_CALL_UNITS)
        return next(at_once, max(left, key=lambda number: left[number], default=0))

    @property
    def egresses(self) -> int:
        return len(self._egresses)

    def holds(self, egress: int) -> bool:
        """Tell whether this process has a share of an address."""
        return self._egresses[egress].share > 0

    def assumes(self, egress: int) -> bool:
        """Tell whether a part of the address's budget is only assumed to be spent.

        Meanwhile the market's own reads may draw on what is reserved: prices must not grow old, and a word of the venue may end it.
        """
        return self._egresses[egress].assumes(self._now())

    def block_egress(self, egress: int, seconds: float) -> None:
        """Stop an address for the length of a ban, or until the venue's next window, and have other processes told."""
        at, now = self._egresses[egress], self._now()
        known_until = at.blocked_until
        if at.block(now + seconds, now) and self.on_block is not None and now + seconds - max(known_until, now) >= NEWS_MIN_S:
            self.on_block(egress, seconds)

    def learn_block(self, egress: int, seconds: float) -> None:
        """Stop an address that another process was told to leave alone."""
        now = self._now()
        self._egresses[egress].block(now + seconds, now)

    def slow_egress(self, egress: int) -> None:
        """Halve an address's limit without a stop: the venue asked for fewer calls and named no time."""
        now = self._now()
        self._egresses[egress].allowance.slow_down(now, now)

    def block_account(self, account_id: AccountId, bucket: str, seconds: float) -> None:
        """Stop one account's bucket; the other accounts go on."""
        if bucket:
            account = self._account(account_id, bucket)
            account.blocked_until = max(account.blocked_until, self._now() + seconds)

    def forget(self, accounts: Collection[AccountId]) -> None:
        """Drop the budgets of accounts that left, those at rest; one in use stays, for it may come back at once."""
        now = self._now()
        for account_id in accounts:
            for bucket in self._limits.account:
                account = self._accounts.get((account_id, bucket))
                if account is not None and account.rests(now):
                    del self._accounts[account_id, bucket]

    def note_egress_used(self, egress: int, used: int) -> None:
        """Take the venue's own count of an address's window."""
        self._egresses[egress].note_venue_count(used, self._now())

    def note_account(self, account_id: AccountId, bucket: str, limit: int, used: int) -> None:
        """Take the venue's own limit and count of an account's first window (its limits depend on its level)."""
        window = self._account(account_id, bucket).windows[0]
        window.turn(self._now())
        if limit != window.limit:
            window.set_limit(max(1, limit))
        window.correct(used)

    def state(self) -> list[dict[str, float]]:
        """Return, an egress address a row: used, limit, waiting, and the seconds it stays blocked."""
        now = self._now()
        return [
            {
                "used": at.window.turn(now),
                "limit": at.allowance.limit(now, urgent=True),
                "waiting": at.waiting,
                "blocked_s": max(0.0, at.blocked_until - now),
            }
            for at in self._egresses
        ]

    def readings(self) -> list[EgressReading]:
        """Return what an operator may see of each address; the breaker's part is filled in by whoever keeps it."""
        now = self._now()
        return [
            EgressReading(
                used=at.window.turn(now) / max(1, at.allowance.limit(now, urgent=True)),
                share=float(at.share),
                throttle=float(at.allowance.throttle),
                blocked_s=max(0.0, at.blocked_until - now),
            )
            for at in self._egresses
        ]

    def __repr__(self) -> str:
        rows = " ".join(
            f"[{row['used']:.0f}/{row['limit']:.0f} waiting={row['waiting']:.0f} blocked={row['blocked_s']:.0f}s]"
            for row in self.state()
        )
        return f"<Pace {rows} accounts={len(self._accounts)}>"

    def _account(self, account_id: AccountId, bucket: str) -> _AccountBudget:
        key = (account_id, bucket)
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= MAX_ACCOUNT_BUDGETS:
                self._forget_idle()
            account = _AccountBudget(tuple(SlidingWindow(rule) for rule in self._limits.account[bucket]))
            self._accounts[key] = account
        return account

    def _forget_idle(self) -> None:
        """Drop the budgets nobody has drawn on within their windows; if all are in use, the oldest one."""
        now = self._now()
        idle = [key for key, account in self._accounts.items() if account.rests(now)]
        for key in idle or [next(iter(self._accounts))]:
            del self._accounts[key]

    def _draw_account(self, account_id: AccountId | None, cost: Cost, urgent: bool) -> bool:
        if not cost.bucket or account_id is None:
            return True
        account = self._account(account_id, cost.bucket)
        if account.delay_s(self._now(), cost.units, urgent) > 0:
            return False
        account.add(cost.units)
        return True

    async def _sit_out(
        self, at: EgressBudget, account_id: AccountId | None, cost: Cost, urgent: bool, deadline: float
    ) -> Refusal | None:
        """Sleep until neither a ban nor the account's own budget stands in the way."""
        while True:
            now = self._now()
            if at.share == 0 and (account_id is not None or at.bystander is None):
                return unsent(
                    ErrorClass.EGRESS_RATE, "address_not_held", "another process calls through this address", NOT_HELD_RETRY_S
                )
            error_class = ErrorClass.EGRESS_RATE
            delay = at.bystander_delay_s(cost, now) if at.share == 0 else at.blocked_until - now
            if delay <= 0 and cost.bucket and account_id is not None:
                delay = self._account(account_id, cost.bucket).delay_s(now, cost.units, urgent)
                error_class = ErrorClass.ACCOUNT_RATE
            if delay <= 0:
                return None
            if now + delay > deadline or at.waiting >= self._max_waiting:
                return unsent(error_class, "budget", "no budget before the call's time is up", delay)
            at.sleeping += 1
            try:
                await self._clock.sleep(delay)
            finally:
                at.sleeping -= 1

    async def _stand_in_line(self, at: EgressBudget, cost: Cost, urgent: bool, deadline: float) -> bool:
        """Wait for the address's budget, first come first served, urgent first; True when the weight is drawn."""
        waiter = Waiter(cost, urgent, deadline, asyncio.get_running_loop().create_future())
        (at.urgent_line if urgent else at.line).append(waiter)
        if at.pump is None or at.pump.done():
            at.pump = asyncio.create_task(self._serve(at))
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.result():
                at.window.add(-cost.weight)
            raise

    async def _serve(self, at: EgressBudget) -> None:
        while at.urgent_line or at.line:
            line = at.urgent_line or at.line
            head = line[0]
            now = self._now()
            if head.turn.done():
                line.popleft()
                continue
            delay = max(at.closed_until - now, at.window.delay_s(now, head.cost.weight, at.allowance.limit(now, head.urgent)))
            if delay <= 0 or (now >= at.closed_until and not head.urgent and at.may_ask(head.cost.weight, now)):
                at.window.add(head.cost.weight)
                line.popleft()
                head.turn.set_result(True)
            elif now + (NAP_S if at.assumes(now) else delay) > head.deadline:
                line.popleft()
                head.turn.set_result(False)
            else:
                await self._clock.sleep(min(delay, NAP_S))
