"""What an operator pastes into an alert, and the address that it goes to. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

SECRET_PLACE = "SECRET"  # noqa: S105 - stands where the secret belongs
_STRATEGY = """{"symbol": "{{exchange}}:{{ticker}}",
 "strategy": {"order_action": "{{strategy.order.action}}", "market_position": "{{strategy.market_position}}",
  "prev_market_position": "{{strategy.prev_market_position}}", "order_id": "{{strategy.order.id}}"},
 "price": "{{close}}", "timenow": "{{timenow}}"}"""
_INDICATOR = (
    '{{"ticker": "{{{{exchange}}}}:{{{{ticker}}}}", "signal": "{words}", "close": "{{{{close}}}}", "timenow": "{{{{timenow}}}}"}}'
)
_WORDS = (
    ("open_long", "SINAL LONG"),
    ("open_short", "SINAL SHORT"),
    ("close_long", "FECHE LONG"),
    ("close_short", "FECHE SHORT"),
)
_PROGRAM = """BODY='{{"symbol":"ETHUSDT","action":"OPEN_LONG"}}'; TS=$(date +%s)
SIG=$(printf '%s.%s' "$TS" "$BODY" | openssl dgst -sha256 -hmac "$KEY" | sed 's/^.* //')
curl {url} -H "X-MarketBot-Timestamp: $TS" -H "X-MarketBot-Signature: $SIG" -H 'Content-Type: application/json' -d "$BODY"
"""


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """``key`` is the text's: ``strategy``, ``program`` or an action's name."""

    key: str
    body: str


def messages_for(kind: str, url: str) -> list[AlertMessage]:
    """Return messages that intake reads as they are: TradingView's for a webhook, a signed request for a program."""
    if kind != "webhook":
        return [AlertMessage("program", _PROGRAM.format(url=url))]
    return [AlertMessage("strategy", _STRATEGY), *(AlertMessage(key, _INDICATOR.format(words=words)) for key, words in _WORDS)]


def webhook_url(base: str, name: str, kind: str, secret: str = SECRET_PLACE) -> str:
    """Return where a source's signals are posted to. A program's key is never part of an address."""
    return f"{base}/v1/webhook/{name}/{secret}" if kind == "webhook" else f"{base}/v1/webhook/{name}"


def only_here(base: str) -> bool:
    """Tell whether an address leads to this machine alone, so that nobody's alert can reach it."""
    host = urlsplit(base).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified
