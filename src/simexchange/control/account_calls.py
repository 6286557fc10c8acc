"""Make, show and change accounts."""

import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simexchange.control.call import (
    ControlCall,
    ControlError,
    decimal_of,
    environment_of,
    flag_of,
    integer_of,
    texts_of,
    venue_of,
)
from simexchange.engine.account import DEFAULT_LEVERAGE, Account
from simexchange.engine.market import Market

ACCOUNTS_MAX = 200_000
DEFAULT_BALANCE = Decimal(1000)
_KEY_BYTES = 24

_READERS: dict[str, Callable[[object, str], object]] = {
    "label": lambda value, _: str(value),
    "balance": decimal_of,
    "hedge": flag_of,
    "can_trade": flag_of,
    "can_withdraw": flag_of,
    "key_valid": flag_of,
    "hung": flag_of,
    "ip_whitelist": texts_of,
    "key_expires_at_ms": lambda value, name: None if value is None else integer_of(value, name),
    "leverage": integer_of,
    "isolated_margin": flag_of,
}
_FIXED = frozenset({"venue", "environment", "api_key", "api_secret", "count"})


def create(call: ControlCall) -> dict[str, Any]:
    """POST /accounts: a list under "accounts", or "count" equal ones; keys are made unless given."""
    body = call.body
    if "accounts" in body:
        wanted = body["accounts"]
        if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
            raise ControlError("accounts must be a list of objects")
    else:
        wanted = [body] * integer_of(body.get("count", 1), "count")
    if len(wanted) + sum(len(m.accounts) for m in call.world.markets.values()) > ACCOUNTS_MAX:
        raise ControlError(f"more than {ACCOUNTS_MAX} accounts")
    read = [(_market(call, one), one, _fields(one)) for one in wanted]
    return {"accounts": [_create(call, market, one, fields) for market, one, fields in read]}


def _market(call: ControlCall, wanted: dict[str, Any]) -> Market:
    place = (venue_of(wanted.get("venue")), environment_of(wanted.get("environment", "mainnet")))
    return call.world.markets[place]


def _create(call: ControlCall, market: Market, wanted: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    account_id = call.world.next_account_id
    call.world.next_account_id += 1
    values: dict[str, Any] = {"label": f"account-{account_id}", "balance": DEFAULT_BALANCE, "leverage": DEFAULT_LEVERAGE} | fields
    account = Account(
        account_id=account_id,
        api_key=str(wanted.get("api_key") or f"sim{secrets.token_hex(_KEY_BYTES)}"),
        api_secret=str(wanted.get("api_secret") or secrets.token_hex(_KEY_BYTES)).encode(),
        **values,
    )
    market.add_account(account)
    return _shown(market, account) | {"api_key": account.api_key, "api_secret": account.api_secret.decode()}


def show_all(call: ControlCall) -> dict[str, Any]:
    """GET /accounts?venue=&environment=: without secrets."""
    markets = [call.world.markets[place] for place in call.places()]
    return {"accounts": [_shown(market, one) for market in markets for one in market.accounts.values()]}


def show(call: ControlCall) -> dict[str, Any]:
    """GET /accounts/ID."""
    market, account = _found(call)
    return {"account": _shown(market, account)}


def change(call: ControlCall) -> dict[str, Any]:
    """POST /accounts/ID: set any of the fields."""
    market, account = _found(call)
    for name, value in _fields(call.body).items():
        setattr(account, name, value)
    return {"account": _shown(market, account)}


def _found(call: ControlCall) -> tuple[Market, Account]:
    found = call.world.account(call.account_id)
    if found is None:
        raise ControlError("no such account", 404)
    return found


def _fields(wanted: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in wanted.items():
        if name in _FIXED:
            continue
        reader = _READERS.get(name)
        if reader is None:
            raise ControlError(f"unknown field: {name}")
        made[name] = reader(value, name)
    return made


def _shown(market: Market, account: Account) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "venue": market.venue,
        "environment": market.environment,
        "label": account.label,
        "balance": format(account.balance, "f"),
        "hedge": account.hedge,
        "can_trade": account.can_trade,
        "can_withdraw": account.can_withdraw,
        "key_valid": account.key_valid,
        "hung": account.hung,
        "ip_whitelist": list(account.ip_whitelist),
        "key_expires_at_ms": account.key_expires_at_ms,
        "leverage": account.leverage,
        "isolated_margin": account.isolated_margin,
    }
