"""Signed and public calls to Binance: sign late, read the answer or the refusal, feed the budgets, follow the clock."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson

from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.ids import AccountId
from marketbot.ports import Credential
from marketbot.venues.answer import Refusal, header_seconds, unreadable
from marketbot.venues.binance import urls
from marketbot.venues.binance.decode import BAD_SHAPE
from marketbot.venues.binance.errors import UNAVAILABLE, classify
from marketbot.venues.binance.signing import public_request, signed_request
from marketbot.venues.clock import VenueClock
from marketbot.venues.feedback import note_fault
from marketbot.venues.limits import Cost
from marketbot.venues.line import Line, Timeouts
from marketbot.venues.wire import Reply


class BinanceSession:
    """One market's calls. Returns parsed JSON or a Refusal, and raises for neither."""

    def __init__(self, line: Line, clock: VenueClock, timeouts: Timeouts) -> None:
        self.line = line
        self.clock = clock
        self.timeouts = timeouts
        self.faults: Counter[ErrorClass] = Counter()
        self._host = line.hosts.endpoint.host_header.decode("ascii")
        self._key_host = "" if line.hosts.keys is None else line.hosts.keys.host_header.decode("ascii")

    async def public(self, path: str, cost: Cost, timeout_s: float) -> Any | Refusal:
        """Get a market-wide answer."""
        egress = self.line.pace.market_egress
        reply = await self.line.send(
            lambda: public_request(path, host=self._host),
            egress=egress,
            account_id=None,
            cost=cost,
            urgent=False,
            timeout_s=timeout_s,
        )
        return self._read(reply, egress, None, cost)

    async def signed(
        self,
        credential: Credential,
        verb: str,
        path: str,
        query: str = "",
        *,
        cost: Cost,
        timeout_s: float,
        urgent: bool = False,
        vital: bool = False,
        keys: bool = False,
    ) -> Any | Refusal:
        """Call for an account. A refused timestamp is a definite refusal, so the call is made once more after a measurement."""
        if not credential.is_speakable:
            return Refusal(VenueFault(ErrorClass.KEY, "key_malformed", "the API key holds characters no key has"), answered=True)

        def request() -> bytes:
            return signed_request(
                verb,
                path,
                query,
                host=self._key_host if keys else self._host,
                api_key=credential.api_key,
                signer=credential.signer,
                now_ms=self.clock.now_ms(),
            )

        for last in (False, True):
            seen = self.clock.generation
            reply = await self.line.send(
                request,
                egress=credential.egress,
                account_id=credential.account_id,
                cost=cost,
                urgent=urgent,
                vital=vital,
                timeout_s=timeout_s,
                keys=keys,
            )
            answer = self._read(reply, credential.egress, credential.account_id, cost, counted=not keys)
            if last or type(answer) is not Refusal or not answer.is_stale_clock:
                break
            await self.clock.resync(seen, self.sync_clock)
        return answer

    async def sync_clock(self) -> VenueFault | None:
        """Measure the venue's clock."""
        started = self.clock.started()
        answer = await self.public(urls.TIME, urls.ONE, self.timeouts.read_s)
        if isinstance(answer, Refusal):
            return answer.fault
        try:
            self.clock.measured(int(answer["serverTime"]), started)
        except BAD_SHAPE:
            return unreadable(200).fault
        return None

    async def keep_warm(self) -> None:
        """Keep sockets of every egress open."""
        for egress, reply in await self.line.keep_warm(public_request(urls.TIME, host=self._host), urls.ONE):
            self._read(reply, egress, None, urls.ONE)

    def _read(
        self, reply: Reply | Refusal, egress: int, account_id: AccountId | None, cost: Cost, *, counted: bool = True
    ) -> Any | Refusal:
        """Return the parsed body of a success. ``counted`` is False for the key host, whose budget is another one."""
        if isinstance(reply, Refusal):
            self.faults[reply.fault.error_class] += 1
            return reply
        if counted and (cost.weight or reply.status != 200):
            # An order draws none, and every address is read from every few seconds: its replies tell nothing new.
            used = reply.header(b"x-mbx-used-weight-1m")
            if used is not None and used.isdigit():
                self.line.pace.note_egress_used(egress, int(used))
        if reply.status == 200:
            try:
                found = orjson.loads(reply.body)
            except orjson.JSONDecodeError:
                fault = unreadable(200).fault
            else:
                if counted:
                    self.line.guard.answered(egress, account_id)
                return found
        else:
            fault = self._fault(reply)
        self.faults[fault.error_class] += 1
        if counted:
            note_fault(self.line.pace, self.line.guard, fault, egress=egress, account_id=account_id, bucket=cost.bucket)
        return Refusal(fault, answered=True)

    def _fault(self, reply: Reply) -> VenueFault:
        code, text = None, ""
        try:
            body = orjson.loads(reply.body)
            if isinstance(body, dict) and type(body.get("code")) is int and type(body.get("msg")) is str:
                code, text = body["code"], body["msg"]
        except orjson.JSONDecodeError:
            # Any other page stays unread: it may echo the request, signature and all.
            text = UNAVAILABLE if reply.body.strip() == UNAVAILABLE.encode("ascii") else ""
        return classify(reply.status, code, text, header_seconds(reply.header(b"retry-after")), self.clock.now_ms())
