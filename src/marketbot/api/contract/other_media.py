"""What is no JSON in the document: streams of events, metrics, Markdown, webhooks' bodies; and headers of single routes."""

from __future__ import annotations

from typing import Any

from marketbot.api.contract.operation import EVENTS, HTML, MARKDOWN, METRICS, ZIP, Operation
from marketbot.api.contract.route_facts import RouteFacts
from marketbot.api.webhook import SIGNATURE_HEADER, TIMESTAMP_HEADER

DOCUMENT_PATH = "/v1/openapi.json"

_EVENT_EXAMPLE = """\
retry: 7310

id: 1790000000123456
event: reset
data: {}

id: 1790000004200112
event: changed
data: {"changed":["orders","positions"]}

"""
_EXAMPLES = {
    EVENTS: _EVENT_EXAMPLE,
    MARKDOWN: "# Control report\n",
    HTML: "<!doctype html>",
    ZIP: "PK...",
    METRICS: "# TYPE marketbot_requests_total counter\n",
}

WEBHOOK_BODY: dict[str, Any] = {
    "application/json": {"schema": {"type": "object"}, "example": {"symbol": "BTCUSDT", "action": "SINAL LONG FORTE"}},
    "text/plain": {"schema": {"type": "string"}, "example": "SINAL LONG FORTE BTCUSDT"},
}


def other_content(media: str) -> dict[str, Any]:
    """Return what the document says of an answer that is no JSON."""
    return {"schema": {"type": "string"}, "example": _EXAMPLES[media]}


def other_headers(facts: RouteFacts, operation: Operation) -> list[dict[str, Any]]:
    """Return the headers that a single route reads."""
    if operation.media == EVENTS:
        return [
            _header(
                "Last-Event-ID", "The `id` of the last event that was read: the stream goes on from there.", "1790000004200112"
            )
        ]
    if facts.path == "/v1/webhook/{source}":
        signature = "The HMAC-SHA256, in hexadecimal, of the timestamp, a dot and the body, under the source's key."
        return [
            _header(TIMESTAMP_HEADER, "Seconds since 1970 when it was signed.", "1790000000"),
            _header(SIGNATURE_HEADER, signature, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        ]
    if facts.path == DOCUMENT_PATH:
        return [_header("If-None-Match", "The `ETag` of the document that the caller has.", '"9f86d081884c7d65"')]
    return []


def unchanged(facts: RouteFacts) -> dict[int, dict[str, Any]]:
    """Return the answer of the route that says: you have it already."""
    return {304: {"description": "The caller has it already."}} if facts.path == DOCUMENT_PATH else {}


def _header(name: str, meaning: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}, "example": example}
