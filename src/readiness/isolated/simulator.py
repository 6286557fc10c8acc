"""The simulator's control port: make accounts, set prices, break things, read what the venues really did."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from readiness.isolated.errors import RunFailed

TIMEOUT_S = 60.0
ACCOUNTS_A_CALL = 2_000
LEDGER_PAGE = 100_000
MAX_LEDGER_PAGES = 100
ENTRY_PATHS = ("/fapi/v1/order", "/v5/order/create")
PLACES = (("binance", "mainnet"), ("bybit", "mainnet"), ("binance", "testnet"), ("bybit", "testnet"))


@dataclass(frozen=True, slots=True)
class Traffic:
    """What all venues took: connections, requests, and among them those over a limit of theirs."""

    connections: int
    requests: int
    over_limit: int


@dataclass(frozen=True, slots=True)
class Control:
    url: str
    token: str = field(repr=False)

    @classmethod
    def of(cls, ready_file: Path) -> Control:
        """Read where a running simulator is steered."""
        ready = orjson.loads(ready_file.read_bytes())
        return cls(ready["control"], ready["control_token"])

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make one call.

        Raises:
            RunFailed: the simulator is not there, or refused.
        """
        return await asyncio.to_thread(self._call, method, path, body)

    async def make_accounts(self, count: int) -> list[dict[str, Any]]:
        """Make accounts, a quarter at each market, in turn."""
        wanted = [
            {"venue": PLACES[at % 4][0], "environment": PLACES[at % 4][1], "label": f"r{at}", "balance": "1000"}
            for at in range(count)
        ]
        made: list[dict[str, Any]] = []
        for start in range(0, count, ACCOUNTS_A_CALL):
            made += (await self.call("POST", "/accounts", {"accounts": wanted[start : start + ACCOUNTS_A_CALL]}))["accounts"]
        return made

    async def set_prices(self, prices: Mapping[str, str]) -> None:
        await self.call("POST", "/prices", {"prices": dict(prices)})

    async def hang(self, accounts: Sequence[str], *, hung: bool) -> None:
        """Have accounts take every request and answer none, or be well again."""
        for account in accounts:
            await self.call("POST", f"/accounts/{account}", {"hung": hung})

    async def add_fault(self, **rule: Any) -> None:
        await self.call("POST", "/faults", {"rules": [rule]})

    async def slow_entries(self, delay_ms: int) -> None:
        """Have every venue take its time with entries, so that a fan-out has a middle to strike in; stops are set as fast as ever."""
        for path in ENTRY_PATHS:
            await self.add_fault(name="drill", kind="slow", method="POST", path=path, probability=1.0, delay_ms=delay_ms)

    async def clear_faults(self) -> None:
        await self.call("DELETE", "/faults")

    async def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        """Read what happened after an entry, in order."""
        entries: list[dict[str, Any]] = []
        for _ in range(MAX_LEDGER_PAGES):
            page = await self.call("GET", f"/ledger?after={after}&limit={LEDGER_PAGE}")
            entries += page["entries"]
            after = page["next"]
            if not page["entries"] or after >= page["last"]:
                break
        return entries

    async def last_entry(self) -> int:
        return int((await self.call("GET", "/ledger?after=0&limit=1"))["last"])

    async def episodes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.call("GET", "/protection"))["episodes"]
        return found

    async def traffic(self) -> Traffic:
        stats = await self.call("GET", "/stats")
        markets = [market for venue in stats["venues"].values() for market in venue.values()]
        return Traffic(
            *(sum(int(each[name]) for each in markets) for name in ("connections", "requests_total", "over_limit")),
        )

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        try:
            content = None if body is None else orjson.dumps(body)
            connection.request(method, path, content, {"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            document: dict[str, Any] = orjson.loads(answer.read())
        except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
            raise RunFailed(f"the simulator does not answer {method} {path} ({type(error).__name__})") from error
        finally:
            connection.close()
        if answer.status >= http.HTTPStatus.MULTIPLE_CHOICES:
            raise RunFailed(f"the simulator refused {method} {path}: {document.get('error')}")
        return document
