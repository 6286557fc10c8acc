"""Run one CCXT call: within the budget, within the time, and with an end that says whether anything was sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from marketbot.domain.errors import MarketBotError
from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.ids import AccountId
from marketbot.ports import Credential
from marketbot.venues.answer import Refusal, unsent
from marketbot.venues.ccxt.errors import Classify, refusal_of
from marketbot.venues.ccxt.exchange import ATTEMPT, Attempt, Exchange
from marketbot.venues.feedback import note_fault
from marketbot.venues.guard import Guard
from marketbot.venues.limits import Cost, Limits, Rule
from marketbot.venues.line import Timeouts
from marketbot.venues.pace import Pace

CALLS = "calls"
COST = Cost(1, CALLS)
MARKET_COST = Cost(1)

LIMITS = Limits(egress=Rule(40, 5.0), account={CALLS: (Rule(20, 2.0),)})
"""Careful for an exchange whose real limits we have not read: eight calls a second from an address, ten for an account."""

Call = Callable[[Any], Awaitable[Any]]


class Calls:
    """The calls of one market. Returns what CCXT returns, or a Refusal, and raises for neither."""

    def __init__(self, exchange: Exchange, classify: Classify, pace: Pace, guard: Guard, timeouts: Timeouts) -> None:
        self.pace = pace
        self.guard = guard
        self.faults: Counter[ErrorClass] = Counter()
        self._exchange = exchange
        self._classify = classify
        self._timeouts = timeouts
        self._syncs = 0
        self._syncing = asyncio.Lock()

    async def market_wide(self, call: Call, timeout_s: float) -> Any | Refusal:
        """Call without an account."""
        return await self._run(
            call, self._exchange.template, self.pace.market_egress, None, MARKET_COST, timeout_s, urgent=False, vital=True
        )

    async def signed(
        self, credential: Credential, call: Call, timeout_s: float, *, urgent: bool, vital: bool = False
    ) -> Any | Refusal:
        """Call for an account. A refused timestamp is a definite refusal, so the call is made once more after a measurement."""
        if not credential.is_speakable:
            return Refusal(VenueFault(ErrorClass.KEY, "key_malformed", "the API key holds characters no key has"), answered=True)
        if not self._exchange.usable(credential.egress):
            return _no_way()
        if not self._exchange.template.markets:
            # CCXT would load them for this account alone: 23 MB and half a second, each time.
            loaded = await self.market_wide(lambda _ex: self._exchange.load(), self._timeouts.bulk_s)
            if isinstance(loaded, Refusal):
                return unsent(ErrorClass.NOT_SENT, "markets_unknown", "the exchange's markets could not be loaded")
        seen = self._syncs
        answer = await self._for(credential, call, timeout_s, urgent, vital)
        if type(answer) is Refusal and answer.is_stale_clock:
            await self._resync(seen)
            answer = await self._for(credential, call, timeout_s, urgent, vital)
        return answer

    async def _for(self, credential: Credential, call: Call, timeout_s: float, urgent: bool, vital: bool) -> Any | Refusal:
        clone = self._exchange.clone(credential)
        return await self._run(call, clone, credential.egress, credential.account_id, COST, timeout_s, urgent=urgent, vital=vital)

    async def _resync(self, seen: int) -> None:
        async with self._syncing:
            if self._syncs == seen:
                await self.market_wide(lambda _ex: self._exchange.sync_clock(), self._timeouts.read_s)
                self._syncs += 1

    async def _run(
        self,
        call: Call,
        exchange: Any,
        egress: int,
        account_id: AccountId | None,
        cost: Cost,
        timeout_s: float,
        *,
        urgent: bool,
        vital: bool,
    ) -> Any | Refusal:
        if account_id is None:
            urgent = urgent or self.pace.assumes(egress)
        elif not urgent and not vital and (held := self.guard.hold(egress, account_id)) is not None:
            return held
        if not self.pace.admit(egress, account_id, cost, urgent):
            refusal = await self.pace.wait(egress, account_id, cost, urgent)
            if refusal is not None:
                return refusal
        attempt = Attempt()
        token = ATTEMPT.set(attempt)
        refused: Refusal | None = None
        try:
            async with asyncio.timeout(timeout_s):
                found = await call(exchange)
        except MarketBotError:
            raise  # a host of another environment: a misconfiguration, never a venue's answer
        except Exception as error:  # noqa: BLE001 CCXT raises anything, and every end of an order's call must be accounted for
            refused = refusal_of(error, self._classify, attempt.sent)
        finally:
            ATTEMPT.reset(token)
        if refused is None:
            self.guard.answered(egress, account_id)
            return found
        fault = refused.fault
        self.faults[fault.error_class] += 1
        note_fault(self.pace, self.guard, fault, egress=egress, account_id=account_id, bucket=cost.bucket)
        return refused


def _no_way() -> Refusal:
    return unsent(
        ErrorClass.NOT_SENT,
        "egress_unusable",
        "the account's egress is not configured here, or is a SOCKS5 proxy, which CCXT cannot use",
    )
