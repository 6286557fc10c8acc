"""One CCXT exchange: a template that holds the markets, and a cheap clone of it an account.

A clone by ``copy.copy`` costs 11 KB and shares markets, options, session and TLS context; a new instance costs 141-488 ms.
"""

from __future__ import annotations

import asyncio
import copy
import importlib
import ssl
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from marketbot.domain.egress import Egress, EgressKind
from marketbot.domain.ids import AccountId
from marketbot.domain.venue import Environment, Profile
from marketbot.ports import Credential
from marketbot.venues.ccxt.dialect import Dialect
from marketbot.venues.ccxt.errors import AnswerRefused
from marketbot.venues.hosts import HostRefused, endpoint_of
from marketbot.venues.wire.endpoint import is_loopback

MAX_CLONES = 20_000
MAX_CONNECTIONS = 64
"""By egress address."""


class Attempt:
    """What one call did so far: whether any request was handed to the HTTP library."""

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.sent = False


_METHODS = frozenset({"get", "post", "put", "delete", "patch"})

ATTEMPT: ContextVar[Attempt] = ContextVar("ccxt_attempt")


class Exchange:
    """Belongs to one market and one event loop."""

    def __init__(
        self,
        exchange_id: str,
        dialect: Dialect,
        *,
        environment: Environment,
        profile: Profile,
        url: str | None,
        egress: Sequence[Egress | None],
        ssl_context: ssl.SSLContext,
        timeout_s: float,
    ) -> None:
        self.exchange_id = exchange_id
        self._dialect = dialect
        self._environment = environment
        self._profile = profile
        self._url = url
        self._egress = tuple(egress)
        self._ssl_context = ssl_context
        self._timeout_s = timeout_s
        self._sessions: list[Any] = []
        self._clones: OrderedDict[AccountId, Any] = OrderedDict()
        self._loading = asyncio.Lock()
        self.template: Any = None

    async def open(self) -> None:
        """Import CCXT in a thread, for it takes a second, and make the template.

        Raises:
            HostRefused: CCXT knows no such exchange, or no practice environment of it.
        """
        module = await asyncio.to_thread(importlib.import_module, "ccxt.async_support")
        aiohttp = importlib.import_module("aiohttp")
        original = getattr(module, self.exchange_id, None)
        if original is None or self.exchange_id not in module.exchanges:
            raise HostRefused(f"CCXT knows no exchange {self.exchange_id!r}")
        for way in self._egress:
            self._sessions.append(
                None if way is not None and way.kind is EgressKind.SOCKS5_PROXY else self._session(aiohttp, way)
            )
        template = _observed(original, module.BaseError)(
            {
                "session": next((each for each in self._sessions if each is not None), None),
                "ssl_context": self._ssl_context,
                "enableRateLimit": False,  # its throttler delays an account's second order and is blind to the address's limit
                "timeout": int(self._timeout_s * 1000),
                "options": {"defaultType": "swap", **self._dialect.options},
            }
        )
        # Every number in a unified structure passes through this one constructor: no price has ever been a float. (Decimal itself
        # does not do: a second pass over orders keeps strings and drops what it does not know.)
        template.number = str
        template.has = {**template.has, "fetchCurrencies": False}
        self._point(template)
        self.template = template

    def _point(self, template: Any) -> None:
        """Choose the environment's addresses, and let the template reach nothing else."""
        if self._profile is Profile.SIMULATION:
            self._point_at_simulator(template)
        elif self._environment is Environment.TESTNET:
            urls = template.urls
            if "demo" in urls:
                template.enable_demo_trading(True)
            elif "test" in urls:
                template.set_sandbox_mode(True)
            else:
                raise HostRefused(f"CCXT knows no practice environment of {self.exchange_id}")
        allowed = {urlsplit(_resolved(template, each)).hostname for each in _leaves(template.urls["api"])}
        template.allowed_hosts = frozenset(host for host in allowed if host is not None)

    def _point_at_simulator(self, template: Any) -> None:
        if self._url is None:
            raise HostRefused(f"a simulation of ccxt:{self.exchange_id} needs the simulator's address")
        endpoint = endpoint_of(self._url)
        if not is_loopback(endpoint.host):
            raise HostRefused(f"a simulation stays on this machine, {endpoint} does not")
        template.urls = {**template.urls, "api": _moved(template.urls["api"], str(endpoint))}

    def _session(self, aiohttp: Any, way: Egress | None) -> Any:
        """Return a pool of sockets that leave by one address, or through one proxy; TLS is spoken with the exchange behind it."""
        bound = (way.host, 0) if way is not None and not way.is_proxy else None
        connector = aiohttp.TCPConnector(ssl=self._ssl_context, limit=MAX_CONNECTIONS, local_addr=bound)
        if way is None or not way.is_proxy:
            return aiohttp.ClientSession(connector=connector)
        session = aiohttp.ClientSession(connector=connector, proxy=str(way))
        return _LoggedIn(session, aiohttp.encode_basic_auth(way.user, way.password)) if way.user else session

    def usable(self, egress: int) -> bool:
        """Tell whether calls can leave that way: CCXT's sockets know no SOCKS5."""
        return 0 <= egress < len(self._sessions) and self._sessions[egress] is not None

    def market_egress(self, wanted: int) -> int | None:
        """Return where market-wide calls leave from: ``wanted``, or the first that can be used; have the template use it."""
        ways = [wanted, *range(len(self._sessions))]
        egress = next((each for each in ways if self.usable(each)), None)
        if egress is not None:
            self.template.session = self._sessions[egress]
        return egress

    async def load(self, *, reload: bool = False) -> None:
        """Load the markets into the template; clones made before are forgotten, for they hold the old ones."""
        async with self._loading:
            if self.template.markets and not reload:
                return
            await self.template.load_markets(True)
            self._clones.clear()

    def clone(self, credential: Credential) -> Any:
        """Return the account's own view of the template."""
        found = self._clones.get(credential.account_id)
        secret = credential.secret.decode("ascii")
        session = self._sessions[credential.egress]
        wanted = (credential.api_key, secret, credential.passphrase or self.template.password, session)
        if found is not None and (found.apiKey, found.secret, found.password, found.session) == wanted:
            self._clones.move_to_end(credential.account_id)
            return found
        clone = copy.copy(self.template)
        clone.apiKey, clone.secret = credential.api_key, secret
        if credential.passphrase is not None:
            clone.password = credential.passphrase
        clone.session = session
        self._clones[credential.account_id] = clone
        if len(self._clones) > MAX_CLONES:
            self._clones.popitem(last=False)
        return clone

    def forget(self, accounts: Collection[AccountId]) -> None:
        for account_id in accounts:
            self._clones.pop(account_id, None)

    async def sync_clock(self) -> None:
        """Measure the exchange's clock; clones read the difference from the options they share."""
        if self.template.has.get("fetchTime"):
            await self.template.load_time_difference()

    async def close(self) -> None:
        self._clones.clear()
        for session in self._sessions:
            if session is not None:
                await session.close()
        self._sessions.clear()

    @property
    def clones(self) -> int:
        return len(self._clones)


class _LoggedIn:
    """A session that shows the proxy its login with every request; CCXT calls one of these methods and nothing else of it."""

    __slots__ = ("_headers", "_session")

    def __init__(self, session: Any, login: str) -> None:
        self._session = session
        self._headers = {"Proxy-Authorization": login}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._session, name)
        return partial(found, proxy_headers=self._headers) if name in _METHODS else found


def _leaves(urls: Any) -> list[str]:
    if isinstance(urls, Mapping):
        return [leaf for each in urls.values() for leaf in _leaves(each)]
    return [urls] if isinstance(urls, str) else []


def _resolved(template: Any, url: str) -> str:
    return url.replace("{hostname}", str(template.hostname or ""))


def _moved(urls: Any, base: str) -> Any:
    """Return the same addresses on another host: Binance's carry a path, which stays."""
    if isinstance(urls, Mapping):
        return {name: _moved(each, base) for name, each in urls.items()}
    return base + urlsplit(urls.replace("{hostname}", "x")).path if isinstance(urls, str) else urls


def _observed(original: Any, base_error: type[Exception]) -> Any:
    """Return a subclass of a CCXT exchange that reports what it saw instead of guessing an exception class."""

    class Observed(original):  # type: ignore[misc]
        allowed_hosts: frozenset[str] = frozenset()

        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            if urlsplit(url).hostname not in self.allowed_hosts:
                raise HostRefused("CCXT was about to leave its environment's hosts")
            attempt = ATTEMPT.get(None)
            if attempt is not None:
                attempt.sent = True
            return await super().fetch(url, method, headers, body)

        def handle_errors(self, code: int, reason: str, url: str, method: str, headers: Any, *rest: Any) -> Any:
            body, parsed = (*rest, None, None)[:2]
            try:
                handled = super().handle_errors(code, reason, url, method, headers, *rest)
            except base_error as error:
                raise AnswerRefused(code, _content(body, parsed), _retry_after_s(headers), error) from None
            if code >= 400:
                raise AnswerRefused(code, _content(body, parsed), _retry_after_s(headers), None)
            return handled

        def __del__(self) -> None:
            """Say nothing: sessions belong to the Exchange, and clones come and go."""

    Observed.__name__ = original.__name__
    return Observed


def _content(body: Any, parsed: Any) -> Any:
    return parsed if parsed is not None else str(body or "").strip()


def _retry_after_s(headers: Any) -> float | None:
    for name, value in (headers or {}).items():
        if name.lower() == "retry-after" and str(value).isdigit():
            return float(value)
    return None
