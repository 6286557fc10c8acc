"""Answer Bybit's REST requests: limits, key, signature and time first, then the faults, then the handler."""

import asyncio
import hmac
from collections import Counter
from typing import Any

import orjson

from simexchange.bybit import params as read
from simexchange.bybit.call import Call, Route
from simexchange.bybit.errors import BybitError, from_refusal
from simexchange.bybit.params import Params
from simexchange.bybit.routes import ROUTES
from simexchange.bybit.streams import BybitStreams
from simexchange.engine.account import Account
from simexchange.engine.market import Market
from simexchange.engine.refusal import RefusedError
from simexchange.faults import NO_FAULTS, FaultKind, FaultPlan, FaultRule, Faults, Write
from simexchange.limits import LimitSettings, SourceLimit, Window
from simexchange.wire.http import Fate, Reply, Request, Upgraded

SOURCE_WINDOW_S = 5.0
ENDPOINT_WINDOW_S = 1.0
RECV_WINDOW_DEFAULT_MS = 5000
AHEAD_MAX_MS = 1000

_LOST = {
    FaultKind.ACCEPT_THEN_HANG: Fate.HANG,
    FaultKind.ACCEPT_THEN_RESET: Fate.RESET,
    FaultKind.RESET_BEFORE_ACCEPT: Fate.RESET,
    FaultKind.HANG: Fate.HANG,
    FaultKind.DROP_CONNECTION: Fate.CLOSE,
}


class BybitFace:
    """One environment of Bybit v5, linear perpetuals of unified accounts."""

    def __init__(self, market: Market, faults: Faults, limits: LimitSettings) -> None:
        self.market = market
        self.sources = SourceLimit()
        self.requests: Counter[str] = Counter()
        self._faults = faults
        self._limits = limits
        self._trace = 0
        self._streams = BybitStreams(market, self._trade)

    def respond(self, request: Request) -> Reply:
        """Answer one request."""
        now = self.market.clock.now()
        if self._is_too_frequent(request.source, now):
            # Rate-limit page: over 600 requests in 5 s the address is shut out, for ten minutes at least.
            return Reply(b"403, access too frequent", 403, content_type=b"text/plain")
        route = ROUTES.get((request.method, request.path))
        if route is None:
            self.requests["unknown path"] += 1
            return Reply(b'{"retCode":404,"retMsg":"path not found","result":{}}', 404)
        self.requests[request.path] += 1
        headers = self._trace_headers(now)
        delay_s = 0.0
        plan: FaultPlan | None = None
        holder: Account | None = None
        try:
            holder = self._identify(request, now) if route.signed else None
            params = read.parse(request.query, request.body)
            plan = self._plan(request, route, params, holder) if self._faults.rules else NO_FAULTS
            delay_s = plan.delay_s
            if plan.instead is not None:
                return self._instead(plan.instead, request.source, now, headers, delay_s)
            if holder is not None:
                if holder.hung:
                    return Reply(b"", fate=Fate.HANG)
                headers += self._charge(holder, request.path, route, params, now)
                if route.write is not Write.NOTHING and not holder.can_trade:
                    raise BybitError(10005, "Permission denied, please check your API key permissions.")
            call = Call(self.market, params, holder, plan)
            result = route.run(call)
        except (BybitError, RefusedError) as error:
            refusal = from_refusal(error) if isinstance(error, RefusedError) else error
            if plan is not None and plan.lose_reply is not None:
                plan.lose_reply.hits -= 1  # a refusal is told: only what was accepted loses its reply
            if refusal.ret_code == 10006 and holder is not None:
                headers += self._limit_headers(holder, request.path, route)
            return Reply(self._body(refusal.ret_code, refusal.ret_msg, b"{}", b"{}", now), headers=headers, delay_s=delay_s)
        if plan.lose_reply is not None:
            if plan.lose_reply.kind is FaultKind.ACCEPT_THEN_500:
                return Reply(b"Internal Server Error", 500, headers, b"text/plain", delay_s=delay_s)
            return Reply(b"", fate=_LOST[plan.lose_reply.kind], delay_s=delay_s)
        made = result if isinstance(result, bytes) else orjson.dumps(result)
        ext_info = orjson.dumps(call.ext_info) if call.ext_info else b"{}"
        return Reply(self._body(0, "OK", made, ext_info, now), headers=headers, delay_s=delay_s)

    def upgrade(self, request: Request, transport: asyncio.Transport) -> Upgraded | None:
        """Open a socket."""
        return self._streams.upgrade(request, transport)

    def _trade(self, op: str, account: Account, params: Params) -> dict[str, Any]:
        """Carry out an order operation that came by socket; faults strike requests only."""
        path = "/v5/" + op.replace(".", "/")
        route = ROUTES[("POST", path)]
        self.requests[f"socket {path}"] += 1
        try:
            self._charge(account, path, route, params, self.market.clock.now())
            if not account.can_trade:
                raise BybitError(10005, "Permission denied, please check your API key permissions.")
            return {"retCode": 0, "retMsg": "OK", "data": route.run(Call(self.market, params, account))}
        except (BybitError, RefusedError) as error:
            refusal = from_refusal(error) if isinstance(error, RefusedError) else error
            return {"retCode": refusal.ret_code, "retMsg": refusal.ret_msg}

    def _body(self, ret_code: int, ret_msg: str, result: bytes, ext_info: bytes, now: float) -> bytes:
        time_ms = int(now * 1000) + self.market.skew_ms
        message = b'"OK"' if ret_msg == "OK" else orjson.dumps(ret_msg)
        return b'{"retCode":%d,"retMsg":%b,"result":%b,"retExtInfo":%b,"time":%d}' % (
            ret_code,
            message,
            result,
            ext_info,
            time_ms,
        )

    def _trace_headers(self, now: float) -> bytes:
        self._trace += 1
        return b"Timenow: %d\r\nTraceid: %032x\r\n" % (int(now * 1000) + self.market.skew_ms, self._trace)

    def _is_too_frequent(self, source: str, now: float) -> bool:
        if self.sources.banned_until(source, now) is not None:
            return True
        limit = self._limits.bybit_ip_per_5s
        used = self.sources.add(source, now, SOURCE_WINDOW_S, 1, aligned=False)
        if limit is None or used <= limit:
            return False
        self.sources.refusals_total += 1
        self.sources.ban(source, now + self._limits.bybit_ban_s, now)
        return True

    def _identify(self, request: Request, now: float) -> Account:
        headers = request.headers
        key, stamp = headers.get("x-bapi-api-key", ""), headers.get("x-bapi-timestamp", "")
        window, signature = headers.get("x-bapi-recv-window", ""), headers.get("x-bapi-sign", "")
        account = self.market.by_key.get(key)
        if account is None or not account.key_valid:
            raise BybitError(10003, "API key is invalid.")
        self._check_time(stamp, window, now)
        payload = request.body if request.method == "POST" else request.query.encode()
        signed = f"{stamp}{key}{window}".encode() + payload
        expected = hmac.digest(account.api_secret, signed, "sha256").hex()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            raise BybitError(10004, "error sign! please check your signature generation algorithm.")
        if account.ip_whitelist and request.source not in account.ip_whitelist:
            raise BybitError(10010, "Unmatched IP, please check your API key's bound IP addresses.")
        return account

    def _check_time(self, stamp: str, window_text: str, now: float) -> None:
        server = int(now * 1000) + self.market.skew_ms
        window = int(window_text) if window_text.isdecimal() else RECV_WINDOW_DEFAULT_MS
        given = int(stamp) if stamp.isdecimal() and len(stamp) < 20 else 0
        if not server - window <= given < server + AHEAD_MAX_MS:
            raise BybitError(
                10002,
                "invalid request, please check your server timestamp or recv_window param. "
                f"req_timestamp[{given}],server_timestamp[{server}],recv_window[{window}]",
            )

    def _charge(self, account: Account, path: str, route: Route, params: Params, now: float) -> bytes:
        window = account.usage.get(path)
        if window is None:
            window = account.usage[path] = Window()
        requests = params.get("request") if path.endswith("-batch") else None
        cost = len(requests) if isinstance(requests, list) else 1
        used = window.add(now, ENDPOINT_WINDOW_S, cost)
        limit = self._endpoint_limit(route)
        if limit is not None and used > limit:
            self.sources.refusals_total += 1
            raise BybitError(10006, "Too many visits. Exceeded the API Rate Limit.")
        return self._limit_headers(account, path, route)

    def _endpoint_limit(self, route: Route) -> int | None:
        if route.write is Write.NOTHING:
            return self._limits.bybit_uid_reads_per_s
        return self._limits.bybit_uid_writes_per_s

    def _limit_headers(self, account: Account, path: str, route: Route) -> bytes:
        limit = self._endpoint_limit(route)
        window = account.usage.get(path)
        if limit is None or window is None:
            return b""
        reset_ms = int((window.started_at + ENDPOINT_WINDOW_S) * 1000) + self.market.skew_ms
        return b"X-Bapi-Limit: %d\r\nX-Bapi-Limit-Status: %d\r\nX-Bapi-Limit-Reset-Timestamp: %d\r\n" % (
            limit,
            max(0, limit - window.used),
            reset_ms,
        )

    def _plan(self, request: Request, route: Route, params: Params, holder: Account | None) -> FaultPlan:
        write = route.write
        if write is Write.ORDER:
            if params.get("triggerPrice"):
                write = Write.STOP
            elif params.get("stopLoss") or params.get("takeProfit"):
                write = Write.ORDER_WITH_STOP
        account_id = holder.account_id if holder is not None else None
        market = self.market
        return self._faults.plan(market.venue, market.environment, request.method, request.path, account_id, write)

    def _instead(self, rule: FaultRule, source: str, now: float, headers: bytes, delay_s: float) -> Reply:
        """Answer for a venue that did not execute the request."""
        if rule.kind in _LOST:
            return Reply(b"", fate=_LOST[rule.kind], delay_s=delay_s)
        if rule.kind is FaultKind.BAN_418:
            self.sources.ban(source, now + rule.retry_after_s, now)
            return Reply(b"403, access too frequent", 403, headers, b"text/plain", delay_s=delay_s)
        if rule.kind is FaultKind.RATE_LIMIT_429:
            body = self._body(10006, "Too many visits. Exceeded the API Rate Limit.", b"{}", b"{}", now)
            reset_ms = int((now + rule.retry_after_s) * 1000)
            extra = b"X-Bapi-Limit: 10\r\nX-Bapi-Limit-Status: 0\r\nX-Bapi-Limit-Reset-Timestamp: %d\r\n" % reset_ms
            return Reply(body, 200, headers + extra, delay_s=delay_s)
        # retCode 429 is the system's own overload answer: the request was not taken (v5 error-code page).
        body = self._body(429, "The trading service is experiencing a high server load.", b"{}", b"{}", now)
        return Reply(body, 200, headers, delay_s=delay_s)
