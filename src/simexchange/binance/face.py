"""Answer Binance's REST requests: limits, key, signature and time first, then the faults, then the handler."""

import asyncio
import hmac
from collections import Counter

import orjson

from simexchange.binance import params as read
from simexchange.binance.call import Call, Route, Security
from simexchange.binance.errors import BinanceError, from_refusal, missing
from simexchange.binance.listen_keys import ListenKeys
from simexchange.binance.params import Params
from simexchange.binance.routes import ROUTES
from simexchange.binance.streams import BinanceStreams
from simexchange.engine.account import Account
from simexchange.engine.market import Market
from simexchange.engine.refusal import RefusedError
from simexchange.faults import NO_FAULTS, FaultKind, FaultPlan, FaultRule, Faults, Write
from simexchange.limits import LimitSettings, SourceLimit, Window
from simexchange.wire.http import Fate, Reply, Request, Upgraded

MINUTE_S = 60.0
ORDER_WINDOW_S = 10.0
RECV_WINDOW_DEFAULT_MS = 5000
RECV_WINDOW_MAX_MS = 60_000
AHEAD_MAX_MS = 1000

_UNKNOWN_ERROR = b'{"code":-1000,"msg":"Unknown error, please check your request or try again later."}'
_LOST = {
    FaultKind.ACCEPT_THEN_HANG: Fate.HANG,
    FaultKind.ACCEPT_THEN_RESET: Fate.RESET,
    FaultKind.RESET_BEFORE_ACCEPT: Fate.RESET,
    FaultKind.HANG: Fate.HANG,
    FaultKind.DROP_CONNECTION: Fate.CLOSE,
}


class BinanceFace:
    """One environment of Binance USD-M futures (and the few spot paths its clients call)."""

    def __init__(self, market: Market, faults: Faults, limits: LimitSettings) -> None:
        self.market = market
        self.sources = SourceLimit()
        self.requests: Counter[str] = Counter()
        self._faults = faults
        self._limits = limits
        self.listen_keys = ListenKeys()
        self._streams = BinanceStreams(market, self.listen_keys)
        self._routes: dict[tuple[str, str], Route] = {**ROUTES, **self.listen_keys.routes()}
        self._routes[("GET", "/fapi/v1/rateLimit/order")] = Route(self._order_limits, Security.SIGNED)

    def respond(self, request: Request) -> Reply:
        """Answer one request."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            self.requests["unknown path"] += 1
            return Reply(b"<html><body>404 Not found</body></html>", 404, content_type=b"text/html")
        self.requests[request.path] += 1
        now = self.market.clock.now()
        headers = b""
        delay_s = 0.0
        plan: FaultPlan | None = None
        try:
            params = read.parse(request.query, request.body)
            headers = self._charge_source(request.source, now, route, params)
            holder = self._identify(request, route, params, now)
            plan = self._plan(request, route, holder) if self._faults.rules else NO_FAULTS
            delay_s = plan.delay_s
            if plan.instead is not None:
                return self._instead(plan.instead, request.source, now, headers, delay_s)
            if holder is not None and holder.hung:
                return Reply(b"", fate=Fate.HANG)
            if route.orders and holder is not None:
                headers += self._charge_orders(holder, now, route)
            result = route.run(Call(self.market, params, plan, holder))
        except (BinanceError, RefusedError) as error:
            refusal = from_refusal(error) if isinstance(error, RefusedError) else error
            if plan is not None and plan.lose_reply is not None:
                plan.lose_reply.hits -= 1  # a refusal is told: only what was accepted loses its reply
            body = orjson.dumps({"code": refusal.code, "msg": refusal.msg})
            return Reply(body, refusal.status, headers + refusal.headers, delay_s=delay_s)
        body = result if isinstance(result, bytes) else orjson.dumps(result)
        if plan.lose_reply is not None:
            return self._lose(plan.lose_reply, headers, delay_s)
        return Reply(body, 200, headers, delay_s=delay_s)

    def upgrade(self, request: Request, transport: asyncio.Transport) -> Upgraded | None:
        """Open a stream."""
        return self._streams.upgrade(request, transport)

    def _order_limits(self, _call: Call) -> list[dict[str, object]]:
        """GET /fapi/v1/rateLimit/order."""
        limits = (("SECOND", 10, self._limits.binance_orders_10s), ("MINUTE", 1, self._limits.binance_orders_1m))
        return [
            {"rateLimitType": "ORDERS", "interval": interval, "intervalNum": number, "limit": limit}
            for interval, number, limit in limits
        ]

    def _charge_source(self, source: str, now: float, route: Route, params: Params) -> bytes:
        limit = self._limits.binance_ip_weight_1m
        until = self.sources.banned_until(source, now)
        if until is not None:
            raise self._banned(source, until, now)
        weight = route.weight
        if route.weight_without_symbol is not None and "symbol" not in params:
            weight = route.weight_without_symbol
        used = self.sources.add(source, now, MINUTE_S, weight, aligned=True)
        headers = b"X-MBX-USED-WEIGHT-1M: %d\r\n" % used
        if limit is not None and used > limit:
            if self.sources.refused(source) > self._limits.binance_refusals_before_ban:
                until = now + self._limits.binance_ban_s
                self.sources.ban(source, until, now)
                raise self._banned(source, until, now)
            wait_s = int(MINUTE_S - now % MINUTE_S) + 1
            raise self._too_many(limit, wait_s, headers)
        return headers

    def _too_many(self, limit: int, wait_s: int, headers: bytes = b"") -> BinanceError:
        text = (
            f"Too many requests; current limit of IP is {limit} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API."
        )
        return BinanceError(-1003, text, 429, headers + b"Retry-After: %d\r\n" % wait_s)

    def _banned(self, source: str, until: float, now: float) -> BinanceError:
        text = (
            f"Way too many requests; IP({source}) banned until {int(until * 1000)}. "
            "Please use the websocket for live updates to avoid bans."
        )
        return BinanceError(-1003, text, 418, b"Retry-After: %d\r\n" % (int(until - now) + 1))

    def _identify(self, request: Request, route: Route, params: Params, now: float) -> Account | None:
        if route.security is Security.NONE:
            return None
        key = request.headers.get("x-mbx-apikey")
        if not key:
            raise BinanceError(-2014, "API-key format invalid.", 401)
        account = self.market.by_key.get(key)
        if account is None or not account.key_valid:
            raise _bad_key()
        if account.ip_whitelist and request.source not in account.ip_whitelist:
            raise _bad_key()
        if route.security is Security.SIGNED:
            self._check_time(params, now)
            check_signature(account.api_secret, request.query, request.body, params)
        if route.write is not Write.NOTHING and not account.can_trade:
            raise _bad_key()
        return account

    def _check_time(self, params: Params, now: float) -> None:
        stamp = read.integer(params, "timestamp")
        if stamp is None:
            raise missing("timestamp")
        window = read.integer(params, "recvWindow")
        window = RECV_WINDOW_DEFAULT_MS if window is None else window
        if window > RECV_WINDOW_MAX_MS:
            raise BinanceError(-1131, "recvWindow must be less than 60000.")
        server = int(now * 1000) + self.market.skew_ms
        if stamp >= server + AHEAD_MAX_MS:
            raise BinanceError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if server - stamp > window:
            raise BinanceError(-1021, "Timestamp for this request is outside of the recvWindow.")

    def _charge_orders(self, account: Account, now: float, route: Route) -> bytes:
        usage = account.usage
        short = usage.get("10s") or usage.setdefault("10s", Window())
        long = usage.get("1m") or usage.setdefault("1m", Window())
        used_10s = short.add(now, ORDER_WINDOW_S, route.orders, aligned=True)
        used_1m = long.add(now, MINUTE_S, route.orders_1m or route.orders, aligned=True)
        headers = b"X-MBX-ORDER-COUNT-10S: %d\r\nX-MBX-ORDER-COUNT-1M: %d\r\n" % (used_10s, used_1m)
        for used, limit, name in (
            (used_10s, self._limits.binance_orders_10s, "TEN_SECONDS"),
            (used_1m, self._limits.binance_orders_1m, "MINUTE"),
        ):
            if limit is not None and used > limit:
                self.sources.refusals_total += 1
                raise BinanceError(-1015, f"Too many new orders; current limit is {limit} orders per {name}.", 429, headers)
        return headers

    def _plan(self, request: Request, route: Route, holder: Account | None) -> FaultPlan:
        return self._faults.plan(
            self.market.venue,
            self.market.environment,
            request.method,
            request.path,
            holder.account_id if holder is not None else None,
            route.write,
        )

    def _instead(self, rule: FaultRule, source: str, now: float, headers: bytes, delay_s: float) -> Reply:
        """Answer for a venue that did not execute the request."""
        if rule.kind in _LOST:
            return Reply(b"", fate=_LOST[rule.kind], delay_s=delay_s)
        if rule.kind is FaultKind.BAN_418:
            until = now + rule.retry_after_s
            self.sources.ban(source, until, now)
            error = self._banned(source, until, now)
        elif rule.kind is FaultKind.RATE_LIMIT_429:
            error = self._too_many(self._limits.binance_ip_weight_1m or 2400, rule.retry_after_s)
        else:
            # The definite one of the two 503s: "Service Unavailable." means it was not executed (futures general info).
            return Reply(b"Service Unavailable.", 503, headers, content_type=b"text/plain", delay_s=delay_s)
        body = orjson.dumps({"code": error.code, "msg": error.msg})
        return Reply(body, error.status, headers + error.headers, delay_s=delay_s)

    def _lose(self, rule: FaultRule, headers: bytes, delay_s: float) -> Reply:
        if rule.kind is FaultKind.ACCEPT_THEN_500:
            # The ambiguous 503: "execution status is unknown" (futures general info).
            return Reply(_UNKNOWN_ERROR, 503, headers, delay_s=delay_s)
        return Reply(b"", fate=_LOST[rule.kind], delay_s=delay_s)


def check_signature(secret: bytes, query: str, body: bytes, params: Params) -> None:
    """Refuse a request whose signature is not over its query and body, in the order sent, without the signature."""
    signature = params.get("signature")
    if not signature:
        raise missing("signature")
    signed = _unsigned(query.encode("latin-1")) + _unsigned(body)
    if not hmac.compare_digest(hmac.digest(secret, signed, "sha256").hex().encode(), signature.lower().encode()):
        raise BinanceError(-1022, "Signature for this request is not valid.")


def _unsigned(text: bytes) -> bytes:
    at = text.find(b"signature=")
    if at < 0:
        return text
    end = text.find(b"&", at)
    before = text[: max(at - 1, 0)]
    return before if end < 0 else before + text[end:]


def _bad_key() -> BinanceError:
    return BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
