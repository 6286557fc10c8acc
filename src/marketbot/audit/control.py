"""The simulator's control port, as a client sees it: make accounts, move prices, break things, read the record."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from marketbot.domain.errors import MarketBotError

TIMEOUT_S = 60.0
ACCOUNTS_PER_CALL = 2_000
LEDGER_PAGE = 100_000


class ControlFailed(MarketBotError):
    """The simulator did not do what it was asked."""


@dataclass(frozen=True, slots=True)
class SimulatorControl:
    """Calls are independent; each opens its own connection, to loopback."""

    url: str
    token: str = field(repr=False)

    @classmethod
    def from_ready_file(cls, path: Path) -> SimulatorControl:
        """Read where a running simulator can be steered."""
        ready = orjson.loads(path.read_bytes())
        return cls(ready["control"], ready["control_token"])

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make one call and return its answer.

        Raises:
            ControlFailed: the simulator refused it, or is not there.
        """
        return await asyncio.to_thread(self._call, method, path, body)

    async def create_accounts(self, wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Make accounts; each comes back with its number, key and secret, in the order given."""
        made: list[dict[str, Any]] = []
        for start in range(0, len(wanted), ACCOUNTS_PER_CALL):
            answer = await self.call("POST", "/accounts", {"accounts": list(wanted[start : start + ACCOUNTS_PER_CALL])})
            made += answer["accounts"]
        return made

    async def change_account(self, account: int, **fields: Any) -> None:
        await self.call("POST", f"/accounts/{account}", fields)

    async def set_prices(self, prices: Mapping[str, str]) -> int:
        """Move prices at every venue; return how many orders that set off."""
        answer = await self.call("POST", "/prices", {"prices": dict(prices)})
        return int(answer["triggered"])

    async def add_faults(self, rules: Sequence[Mapping[str, Any]]) -> None:
        await self.call("POST", "/faults", {"rules": list(rules)})

    async def clear_faults(self) -> None:
        await self.call("DELETE", "/faults")

    async def ledger(self) -> list[dict[str, Any]]:
        """Read everything that happened, in order."""
        entries: list[dict[str, Any]] = []
        while True:
            answer = await self.call("GET", f"/ledger?after={len(entries)}&limit={LEDGER_PAGE}")
            entries += answer["entries"]
            if not answer["entries"] or len(entries) >= answer["last"]:
                return entries

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        try:
            content = orjson.dumps(body) if body is not None else None
            connection.request(method, path, content, {"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            document: dict[str, Any] = orjson.loads(answer.read())
        except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
            raise ControlFailed(f"The simulator does not answer {method} {path} ({type(error).__name__}).") from error
        finally:
            connection.close()
        if answer.status >= http.HTTPStatus.MULTIPLE_CHOICES:
            raise ControlFailed(f"The simulator refused {method} {path}: {document.get('error')}")
        return document
