"""The budgets of one market: every call asks here before it takes a socket.

Fails shut: without budget a call waits its bounded turn or is not sent. With budget it costs a few additions, no lock and no await.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from marketbot.domain.execution_report import ErrorClass
from marketbot.domain.ids import AccountId
from marketbot.ports import Clock
from marketbot.venues.answer import Refusal, unsent
from marketbot.venues.limits import Cost, Limits, SlidingWindow, unreserved

MAX_WAITING = 20_000
"""Calls that may wait for budget at one egress; a fan-out over 10,000 accounts fits twice."""

MAX_WAIT_S = 5.0
"""A call that would wait longer is given back unsent, for its intent may have lapsed by then."""

MAX_ACCOUNT_BUDGETS = 65_536
NAP_S = 0.05
"""The longest nap of a waiting line, so that an urgent call never sleeps behind an ordinary one's delay."""

RECOVERY_S = 60.0
RECOVERY_SHARE = 0.5
"""After a ban an address starts at this share of its limit and grows back evenly over ``RECOVERY_S``."""


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


@dataclass(slots=True, eq=False)
class _Waiter:
    cost: Cost
    urgent: bool
    deadline: float
    turn: asyncio.Future[bool]


class _EgressBudget:
    __slots__ = ("blocked_until", "line", "pump", "recovered_at", "sleeping", "urgent_line", "window")

    def __init__(self, window: SlidingWindow) -> None:
        self.window = window
        self.blocked_until = 0.0
        self.recovered_at = 0.0
        self.urgent_line: deque[_Waiter] = deque()
        self.line: deque[_Waiter] = deque()
        self.pump: asyncio.Task[None] | None = None
        self.sleeping = 0

    @property
    def waiting(self) -> int:
        return len(self.line) + len(self.urgent_line) + self.sleeping

    def limit(self, now: float, urgent: bool) -> int:
        window = self.window
        if now >= self.recovered_at:
            return window.limit if urgent else window.unreserved
        recovering = 1.0 - (self.recovered_at - now) / RECOVERY_S
        limit = max(1, int(window.limit * (RECOVERY_SHARE + (1 - RECOVERY_SHARE) * max(0.0, recovering))))
        return limit if urgent else unreserved(limit)

    def crowded(self, urgent: bool) -> bool:
        """Tell whether somebody waits whose turn comes before a newcomer's."""
        return bool(self.urgent_line) or (not urgent and bool(self.line))


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
        self._egresses = tuple(_EgressBudget(SlidingWindow(limits.egress)) for _ in range(egresses))
        self._accounts: dict[tuple[AccountId, str], _AccountBudget] = {}

    def admit(self, egress: int, account_id: AccountId | None, cost: Cost, urgent: bool) -> bool:
        """Draw the cost if it can be had at once; otherwise draw nothing and return False."""
        now = self._now()
        at = self._egresses[egress]
        if now < at.blocked_until:
            return False
        weight = cost.weight
        if weight and (at.crowded(urgent) or at.window.turn(now) + weight > at.limit(now, urgent)):
            return False
        if cost.bucket and account_id is not None:
            account = self._account(account_id, cost.bucket)
            if account.delay_s(now, cost.units, urgent) > 0:
                return False
            account.add(cost.units)
        if weight:
            at.window.add(weight)
        return True

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
            if not at.crowded(urgent) and at.window.delay_s(now, cost.weight, at.limit(now, urgent)) <= 0:
                continue  # the account's turn was taken meanwhile
            if at.waiting >= self._max_waiting:
                return unsent(ErrorClass.EGRESS_RATE, "too_many_waiting", "too many calls wait for this address's budget", NAP_S)
            if not await self._stand_in_line(at, cost, urgent, deadline):
                return unsent(ErrorClass.EGRESS_RATE, "budget", "this address's budget is used up", self._max_wait_s)
            if self._draw_account(account_id, cost, urgent):
                return None
            at.window.add(-cost.weight)

    def block_egress(self, egress: int, seconds: float) -> None:
        """Stop an address for the length of a ban, or until the venue's next window."""
        at = self._egresses[egress]
        at.blocked_until = max(at.blocked_until, self._now() + seconds)
        at.recovered_at = at.blocked_until + RECOVERY_S

    def block_account(self, account_id: AccountId, bucket: str, seconds: float) -> None:
        """Stop one account's bucket; the other accounts go on."""
        if bucket:
            account = self._account(account_id, bucket)
            account.blocked_until = max(account.blocked_until, self._now() + seconds)

    def note_egress_used(self, egress: int, used: int) -> None:
        """Take the venue's own count of an address's window."""
        window = self._egresses[egress].window
        window.turn(self._now())
        window.correct(used)

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
                "limit": at.limit(now, urgent=True),
                "waiting": at.waiting,
                "blocked_s": max(0.0, at.blocked_until - now),
            }
            for at in self._egresses
        ]

    def used(self) -> list[float]:
        """Return the used share of each egress address's budget, 0 to 1."""
        return [row["used"] / max(1.0, row["limit"]) for row in self.state()]

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
        idle = [
            key
            for key, account in self._accounts.items()
            if account.blocked_until <= now and not any(window.turn(now) for window in account.windows)
        ]
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
        self, at: _EgressBudget, account_id: AccountId | None, cost: Cost, urgent: bool, deadline: float
    ) -> Refusal | None:
        """Sleep until neither a ban nor the account's own budget stands in the way."""
        while True:
            now = self._now()
            delay, error_class = at.blocked_until - now, ErrorClass.EGRESS_RATE
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

    async def _stand_in_line(self, at: _EgressBudget, cost: Cost, urgent: bool, deadline: float) -> bool:
        """Wait for the address's budget, first come first served, urgent first; True when the weight is drawn."""
        waiter = _Waiter(cost, urgent, deadline, asyncio.get_running_loop().create_future())
        (at.urgent_line if urgent else at.line).append(waiter)
        if at.pump is None or at.pump.done():
            at.pump = asyncio.create_task(self._serve(at))
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.result():
                at.window.add(-cost.weight)
            raise

    async def _serve(self, at: _EgressBudget) -> None:
        while at.urgent_line or at.line:
            line = at.urgent_line or at.line
            head = line[0]
            now = self._now()
            if head.turn.done():
                line.popleft()
                continue
            delay = max(at.blocked_until - now, at.window.delay_s(now, head.cost.weight, at.limit(now, head.urgent)))
            if delay <= 0:
                at.window.add(head.cost.weight)
                line.popleft()
                head.turn.set_result(True)
            elif now + delay > head.deadline:
                line.popleft()
                head.turn.set_result(False)
            else:
                await self._clock.sleep(min(delay, NAP_S))
