"""MarketBot's API from Python: typed calls, sent by a client that waits or by one of asyncio.

The modules beside this one are the chapters of the API: ``accounts``, ``trades``, ``controls`` ... A function of theirs makes a call,
and a client sends it: ``bot.do(accounts.show_account(7))``, ``bot.each(trades.list_orders())``, ``bot.follow(events.follow_events())``.
"""

from marketbot_client.async_client import AsyncClient
from marketbot_client.call import UNSET, Call, PagedCall, StreamCall
from marketbot_client.client import Client
from marketbot_client.problem import AnswerUnreadable, ApiProblem, MarketBotError, Unreachable
from marketbot_client.stream import Changed, Event, Reset
from marketbot_client.webhooks import SignatureInvalid, sign_signal, verify_webhook

__all__ = [
    "UNSET",
    "AnswerUnreadable",
    "ApiProblem",
    "AsyncClient",
    "Call",
    "Changed",
    "Client",
    "Event",
    "MarketBotError",
    "PagedCall",
    "Reset",
    "SignatureInvalid",
    "StreamCall",
    "Unreachable",
    "sign_signal",
    "verify_webhook",
]
