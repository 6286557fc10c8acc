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
PLACES = (("binance", "mainnet"), ("bybit", "mainnet"), ("binance", "testnet"), ("bybit", "testnet"))


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

    async def traffic(self) -> tuple[int, int]:
        """Return (connections taken, requests answered) at all venues."""
        stats = await self.call("GET", "/stats")
        markets = [market for venue in stats["venues"].values() for market in venue.values()]
        return sum(each["connections"] for each in markets), sum(each["requests_total"] for each in markets)

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
