"""What is said about one route that the route itself does not tell. Everything else is read from the route (``document``)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from marketbot.api.contract.schema import Rule
from marketbot.api.paging import MAX_CURSOR_CHARS, PAGE_DEFAULT, PAGE_MAX
from marketbot.api.problems import ApiReason
from marketbot.domain.limits import LimitName
from marketbot.domain.reasons import RefusalReason

Reason = ApiReason | RefusalReason

JSON = "application/json"
EVENTS = "text/event-stream"
MARKDOWN = "text/markdown"
METRICS = "text/plain"
HTML = "text/html"
ZIP = "application/zip"


class Tag(StrEnum):
    """The chapters of the document, in their order."""

    SIGNALS_IN = "Webhooks"
    ME = "Me"
    ACCOUNTS = "Accounts"
    TRADES = "Trades"
    CLOSING = "Closing"
    EVENTS = "Live events"
    TOKENS = "Tokens"
    NOTICES = "Notices"
    CHANNELS = "Channels"
    SESSIONS = "Sessions"
    NEWCOMERS = "Newcomers"
    PRIVACY = "Privacy"
    DESK = "Operator: desk"
    CONTROLS = "Operator: controls"
    POLICY = "Operator: policy and sources"
    USERS = "Operator: users and people"
    AUDIT = "Operator: audit"
    SERVICE = "Service"


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query."""

    name: str
    kind: Any
    meaning: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One route's promise. ``name`` is the operation's id, and what the client calls it.

    ``answers`` are types by status; ``media`` another media type than JSON, beside it where ``answers`` has one. ``reasons`` are those
    of its own; what follows from how it is guarded, from having a body, a page or a key is added.
    """

    name: str
    tag: Tag
    summary: str
    answers: dict[int, Any]
    body: Any = None
    query: tuple[Query, ...] = ()
    reasons: tuple[Reason, ...] = ()
    media: str = JSON
    told: str = ""
    limits: tuple[LimitName, ...] = ()
    body_fault: ApiReason | None = ApiReason.FIELD_INVALID
    """What a body is answered that cannot be used."""


PAGE = (
    Query(
        "limit",
        Annotated[int, Rule({"minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT})],
        "How many rows a page may have.",
    ),
    Query("after", Annotated[str, Rule({"maxLength": MAX_CURSOR_CHARS})], "The cursor that the page before answered as `next`."),
)
