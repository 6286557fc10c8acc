"""Signed and public calls to Bybit: sign late, read the result or the refusal, feed the budgets, follow the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import orjson

from marketbot.domain.execution_report import ErrorClass, VenueFault
from marketbot.domain.ids import AccountId
from marketbot.ports import Credential
from marketbot.venues.answer import Refusal, header_seconds, unreadable
from marketbot.venues.bybit import encode, urls
from marketbot.venues.bybit.decode import BAD_SHAPE
from marketbot.venues.bybit.errors import classify
from marketbot.venues.bybit.signing import public_get, signed_get, signed_post
from marketbot.venues.clock import VenueClock
from marketbot.venues.feedback import note_fault
from marketbot.venues.limits import Cost
from marketbot.venues.line import Line, Timeouts
from marketbot.venues.wire import Reply

MAX_PAGES = 20
"""More pages than any list has; a venue whose cursor never ends is not followed for ever."""


class BybitSession:
    """One market's calls. Returns the parsed ``result`` or a Refusal, and raises for neither."""

    def __init__(self, line: Line, clock: VenueClock, timeouts: Timeouts) -> None:
        self.line = line
        self.clock = clock
        self.timeouts = timeouts
        self.faults: Counter[ErrorClass] = Counter()
        self._host = line.hosts.endpoint.host_header.decode("ascii")

    async def public(self, path: str, query: str, timeout_s: float) -> Any | Refusal:
        """Get a market-wide result."""
        egress = self.line.pace.market_egress
        reply = await self.line.send(
            lambda: public_get(path, query, host=self._host),
            egress=egress,
            account_id=None,
            cost=urls.PUBLIC,
            urgent=False,
            timeout_s=timeout_s,
        )
        return self._read(reply, egress, None, urls.PUBLIC)

    async def public_pages(self, path: str, query: str, timeout_s: float) -> list[Any] | Refusal:
        """Get the rows of every page of a market-wide list."""
        return await _pages(lambda page: self.public(path, page, timeout_s), query)

    def get(
        self, credential: Credential, path: str, query: str = "", *, urgent: bool = False, vital: bool = False
    ) -> Coroutine[Any, Any, Any | Refusal]:
        """Read something of an account."""

        def request() -> bytes:
            now_ms = self.clock.now_ms()
            return signed_get(path, query, host=self._host, api_key=credential.api_key, signer=credential.signer, now_ms=now_ms)

        return self._signed(credential, path, request, self.timeouts.look_s if urgent else self.timeouts.read_s, urgent, vital)

    async def get_pages(
        self, credential: Credential, path: str, query: str, *, urgent: bool = False, vital: bool = False
    ) -> list[Any] | Refusal:
        """Read the rows of every page of an account's list."""
        return await _pages(lambda page: self.get(credential, path, page, urgent=urgent, vital=vital), query)

    def post(
        self, credential: Credential, path: str, body: bytes, *, timeout_s: float, urgent: bool = False
    ) -> Coroutine[Any, Any, Any | Refusal]:
        """Change something of an account."""

        def request() -> bytes:
            now_ms = self.clock.now_ms()
            return signed_post(path, body, host=self._host, api_key=credential.api_key, signer=credential.signer, now_ms=now_ms)

        return self._signed(credential, path, request, timeout_s, urgent, False)

    async def sync_clock(self) -> VenueFault | None:
        """Measure the venue's clock."""
        started = self.clock.started()
        result = await self.public(urls.TIME, "", self.timeouts.read_s)
        if isinstance(result, Refusal):
            return result.fault
        try:
            self.clock.measured(int(result["timeNano"]) // 1_000_000, started)
        except BAD_SHAPE:
            return unreadable(200).fault
        return None

    async def keep_warm(self) -> None:
        """Keep sockets of every egress open."""
        for egress, reply in await self.line.keep_warm(public_get(urls.TIME, "", host=self._host), urls.PUBLIC):
            self._read(reply, egress, None, urls.PUBLIC)

    async def _signed(
        self, credential: Credential, path: str, request: Callable[[], bytes], timeout_s: float, urgent: bool, vital: bool
    ) -> Any | Refusal:
        """Call for an account. A refused timestamp is a definite refusal, so the call is made once more after a measurement."""
        if not credential.is_speakable:
            return Refusal(VenueFault(ErrorClass.KEY, "key_malformed", "the API key holds characters no key has"), answered=True)
        cost = urls.COST[path]
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
            )
            answer = self._read(reply, credential.egress, credential.account_id, cost)
            if last or type(answer) is not Refusal or not answer.is_stale_clock:
                break
            await self.clock.resync(seen, self.sync_clock)
        return answer

    def _read(self, reply: Reply | Refusal, egress: int, account_id: AccountId | None, cost: Cost) -> Any | Refusal:
        """Return the result of a success."""
        if isinstance(reply, Refusal):
            self.faults[reply.fault.error_class] += 1
            return reply
        if account_id is not None:
            self._note_limit(reply, account_id, cost)
        code, text, result = _envelope(reply.body)
        if code == 0 and reply.status == 200 and result is not None:
            self.line.guard.answered(egress, account_id)
            return result
        fault = classify(reply.status, code, text, self._retry_after_s(reply))
        self.faults[fault.error_class] += 1
        note_fault(self.line.pace, self.line.guard, fault, egress=egress, account_id=account_id, bucket=cost.bucket)
        return Refusal(fault, answered=True)

    def _note_limit(self, reply: Reply, account_id: AccountId, cost: Cost) -> None:
        """Take the account's own limit and what is left of it (docs/v5/rate-limit, 2026-07-24)."""
        limit, left = reply.header(b"x-bapi-limit"), reply.header(b"x-bapi-limit-status")
        if limit is not None and left is not None and limit.isdigit() and left.isdigit():
            self.line.pace.note_account(account_id, cost.bucket, int(limit), int(limit) - int(left))

    def _retry_after_s(self, reply: Reply) -> float | None:
        named = header_seconds(reply.header(b"retry-after"))
        if named is not None:
            return named
        reset = reply.header(b"x-bapi-limit-reset-timestamp")
        if reset is None or not reset.isdigit():
            return None
        return max(0.05, (int(reset) - self.clock.now_ms()) / 1000)


async def _pages(fetch: Callable[[str], Awaitable[Any | Refusal]], query: str) -> list[Any] | Refusal:
    rows: list[Any] = []
    page = query
    for _ in range(MAX_PAGES):
        result = await fetch(page)
        if isinstance(result, Refusal):
            return result
        try:
            rows.extend(result["list"])
            cursor = result.get("nextPageCursor")
        except BAD_SHAPE:
            return unreadable(200)
        if not cursor:
            return rows
        page = encode.next_page(query, cursor)
    return unreadable(200, "the list does not end")


def _envelope(body: bytes) -> tuple[int | None, str, Any]:
    """Read (retCode, retMsg, result); the code is None when the body is not the documented object."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, "", None
    if not isinstance(answer, dict) or type(answer.get("retCode")) is not int or type(answer.get("retMsg")) is not str:
        return None, "", None
    return answer["retCode"], answer["retMsg"], answer.get("result")
