"""Give out the keys that open a user data stream."""

import secrets
from typing import Any

from simexchange.binance.call import Call, Route, Security
from simexchange.binance.errors import BinanceError
from simexchange.engine.account import Account

LISTEN_KEY_VALID_S = 3600.0


class ListenKeys:
    """One valid key an account; it lapses an hour after it was made or extended."""

    def __init__(self) -> None:
        self._keys: dict[int, str] = {}
        self._holders: dict[str, tuple[Account, float]] = {}

    def routes(self) -> dict[tuple[str, str], Route]:
        """Return the paths that this serves; the API key is enough, nothing is signed."""
        return {
            ("POST", "/fapi/v1/listenKey"): Route(self._open, Security.KEY),
            ("PUT", "/fapi/v1/listenKey"): Route(self._extend, Security.KEY),
            ("DELETE", "/fapi/v1/listenKey"): Route(self._close, Security.KEY),
        }

    def holder(self, listen_key: str, now: float) -> Account | None:
        """Return the account that a valid key belongs to."""
        found = self._holders.get(listen_key)
        return found[0] if found is not None and found[1] > now else None

    def _open(self, call: Call) -> dict[str, Any]:
        account, now = call.account, call.market.clock.now()
        key = self._keys.get(account.account_id, "")
        if self.holder(key, now) is not account:
            self._holders.pop(key, None)
            key = self._keys[account.account_id] = secrets.token_hex(32)
        self._holders[key] = (account, now + LISTEN_KEY_VALID_S)
        return {"listenKey": key}

    def _extend(self, call: Call) -> dict[str, Any]:
        account, now = call.account, call.market.clock.now()
        key = self._keys.get(account.account_id, "")
        if self.holder(key, now) is not account:
            raise BinanceError(-1125, "This listenKey does not exist.")
        self._holders[key] = (account, now + LISTEN_KEY_VALID_S)
        return {"listenKey": key}

    def _close(self, call: Call) -> dict[str, Any]:
        self._holders.pop(self._keys.pop(call.account.account_id, ""), None)
        return {}
